import { parseServiceFile } from "@locum/contracts";
import {
  containerName,
  inject,
  injectConfig,
  injectWorkload,
  isWorkload,
  patchPod,
  podOf,
  strip,
} from "@locum/injection";
import { applyPatch } from "@locum/injection/apply-patch";
import { diceOf } from "@locum/injection/dice";
import { someManifest } from "@locum/injection/some-manifest";
import fc from "fast-check";
import { DaemonSet } from "kubernetes-models/apps/v1/DaemonSet";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { ReplicaSet } from "kubernetes-models/apps/v1/ReplicaSet";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { CronJob } from "kubernetes-models/batch/v1/CronJob";
import { Pod } from "kubernetes-models/v1/Pod";
import { expect, test } from "vitest";

type Obj = Record<string, unknown>;
const models = { Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, CronJob };
const validate = (object: unknown): void => {
  const { kind } = object as { kind: keyof typeof models };
  new models[kind](object as never).validate();
};
const configs = [
  injectConfig({
    kubeletMin: "1.34",
    approvers: [{ keyId: "0123456789abcdef", publicKey: `${"A".repeat(43)}=` }],
    collector: { url: "https://collector.locum:8443", caConfigMap: "locum-ca" },
  }),
  injectConfig({ kubeletMin: "1.30" }),
];

/** The service that the sidecar would read, after the kubelet has put the pod's name in. */
function serviceOf(pod: Obj): unknown {
  const all = [...((pod.initContainers ?? []) as Obj[]), ...((pod.containers ?? []) as Obj[])];
  const env = all.find(({ name }) => name === containerName)?.env as { name: string; value?: string }[];
  const text = env.find(({ name }) => name === "LOCUM_SERVICE")?.value ?? "";
  return parseServiceFile(text.replace("$(LOCUM_POD)", "pod-0"), { file: "/LOCUM_SERVICE" });
}

test("property: one pod, whoever injects it; again the same; taken out the same; and the schemas take it", () => {
  let injected = 0;
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom(...configs), (seed, config) => {
      const object = someManifest(diceOf(seed));
      const frozen = JSON.stringify(object);
      validate(object);
      if (!isWorkload(object)) throw new Error("the generator makes workloads");
      const byFile = injectWorkload(object, { config });
      const pod = podOf(object) as { metadata: Obj; spec: Obj };
      const byWebhook = patchPod(pod, { config });
      expect(JSON.stringify(object)).toBe(frozen);
      if (byFile.kind === "declined") {
        expect(byWebhook).toEqual(byFile);
        return;
      }
      injected += 1;
      if (byWebhook.kind === "declined") throw new Error(byWebhook.detail);
      validate(byFile.object);
      const made = applyPatch(pod, byWebhook.patch);
      const fromFile = podOf(byFile.object) as typeof pod;
      expect(made.spec).toEqual(fromFile.spec);
      expect(made.metadata).toEqual(fromFile.metadata);
      expect(serviceOf(made.spec)).toHaveProperty("config");

      const again = inject({ pod: made.spec, meta: made.metadata, config });
      expect(again).toMatchObject({ kind: "injected", pod: made.spec, meta: made.metadata });
      const bare = strip(made.spec as never, made.metadata as never);
      expect({ spec: bare.pod, metadata: bare.meta }).toEqual({ spec: pod.spec, metadata: pod.metadata });
    }),
    { numRuns: 600 },
  );
  expect(injected).toBeGreaterThanOrEqual(500);
}, 120_000);
