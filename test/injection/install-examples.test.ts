import { readFileSync } from "node:fs";
import { installValues, readStream } from "@locum/injection";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import { expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
function objectIn(name: string): unknown {
  const stream = readStream(read(`deploy/kubernetes/examples/${name}`));
  if ("problem" in stream) throw new Error(stream.problem.message);
  return stream.values[0];
}

test("the example of values is taken", () => {
  expect(installValues(objectIn("values.yaml")).collector.namespaces).toHaveLength(2);
});

test("the examples of scaling name a metric that the collector has", () => {
  new HorizontalPodAutoscaler(objectIn("hpa.yaml") as never).validate();
  expect(objectIn("keda-scaledobject.yaml")).toMatchObject({ kind: "ScaledObject" });
  expect(read("apps/collector/src/metric-families.ts")).toContain('"service.inflight_per_ready"');
  for (const name of ["hpa.yaml", "keda-scaledobject.yaml"])
    expect(JSON.stringify(objectIn(name))).toContain("locum_service_inflight_per_ready");
});
