import { readFileSync } from "node:fs";
import { installValues, readStream } from "@locum/injection";
import { parser } from "@prometheus-io/lezer-promql";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import { expect, test } from "vitest";
import { z } from "zod";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
function objectIn(name: string): unknown {
  const stream = readStream(read(`deploy/kubernetes/examples/${name}`));
  if ("problem" in stream) throw new Error(stream.problem.message);
  return stream.values[0];
}

test("the example of values is taken", () => {
  expect(installValues(objectIn("values.yaml")).collector.namespaces).toHaveLength(2);
});

/** keda.sh/v1alpha1, as its documentation (concepts/scaling-deployments, scalers/prometheus) has it: what we use of it. */
const ScaledObject = z.strictObject({
  apiVersion: z.literal("keda.sh/v1alpha1"),
  kind: z.literal("ScaledObject"),
  metadata: z.strictObject({ name: z.string(), namespace: z.string() }),
  spec: z.strictObject({
    scaleTargetRef: z.strictObject({
      apiVersion: z.string().optional(),
      kind: z.string().optional(),
      name: z.string(),
    }),
    minReplicaCount: z.number().int().min(1),
    maxReplicaCount: z.number().int().max(100),
    pollingInterval: z.number().int().positive(),
    cooldownPeriod: z.number().int().positive(),
    triggers: z.tuple([
      z.strictObject({
        type: z.literal("prometheus"),
        // As in the HPA: what is asked is a figure of one instance, and not to be divided by their number.
        metricType: z.literal("Value"),
        metadata: z.strictObject({
          serverAddress: z.url(),
          query: z.string(),
          // KEDA takes texts only.
          threshold: z.string().regex(/^\d+(\.\d+)?$/),
        }),
      }),
    ]),
  }),
});

test("the examples of scaling are taken, and name a metric of the collector with labels that it has", () => {
  const hpa = objectIn("hpa.yaml") as {
    spec: { metrics: { external: { metric: Metric; target: { type: string } } }[] };
  };
  new HorizontalPodAutoscaler(hpa as never).validate();
  const { metric, target } = hpa.spec.metrics[0]?.external ?? {};
  expect(target?.type).toBe("Value");
  const keda = ScaledObject.parse(objectIn("keda-scaledobject.yaml"));
  const [{ metadata }] = keda.spec.triggers;
  const tree = parser.parse(metadata.query);
  const words = new Map<string, string>();
  tree.iterate({
    enter: ({ name, type, from, to }) => {
      expect(type.isError, metadata.query).toBe(false);
      words.set(name, metadata.query.slice(from, to));
    },
  });
  expect([words.get("Identifier"), words.get("LabelName")]).toEqual([metric?.name, "service"]);
  expect(Object.keys(metric?.selector.matchLabels ?? {})).toEqual(["service"]);
  // The collector's own table; test/e2e/collector-kubernetes reads it from /metrics of a real one.
  expect(read("apps/collector/src/metric-families.ts")).toContain('"service.inflight_per_ready"');
  expect(metric?.name).toBe("locum_service_inflight_per_ready");
});
type Metric = { name: string; selector: { matchLabels: Record<string, string> } };
