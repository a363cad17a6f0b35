import jsonpatch from "fast-json-patch";
import { describe, expect, test } from "vitest";
import { injectConfig } from "./config.ts";
import { patchPod } from "./json-patch.ts";
import type { Container } from "./pod.ts";

const config = injectConfig({ kubeletMin: "1.36", collector: { url: "https://c.locum" } });
type Pod = {
  metadata: { annotations?: Record<string, string> };
  spec: { initContainers: Container[]; containers: Container[]; volumes: object[] };
};
const plain = () => ({
  metadata: { name: "m", labels: { "locum.dev/inject": "enabled" } },
  spec: {
    containers: [
      {
        name: "server",
        image: "nvcr.io/nvidia/tritonserver:24.08-py3",
        ports: [{ name: "http", containerPort: 8000 }],
      },
    ],
    volumes: [{ name: "kube-api-access-x", projected: { sources: [] } }],
  },
});
function patched(pod: object, cluster = config): Pod {
  const result = patchPod(pod, { config: cluster });
  if (result.kind === "declined") throw new Error(result.detail);
  return jsonpatch.applyPatch(structuredClone(pod), structuredClone(result.patch)).newDocument as Pod;
}
const sidecarOf = (pod: Pod) =>
  pod.spec.initContainers.find(({ name }) => name === "locum-sidecar") as Container;
const change = (pod: Pod, by: (sidecar: { [field: string]: object }) => void): Pod => {
  const copy = structuredClone(pod);
  by(sidecarOf(copy) as never);
  return copy;
};

/** What the API server does between the two times that it asks: defaults, and what a LimitRange sets. */
const seenByOthers = (pod: Pod): Pod =>
  change(pod, (sidecar) => {
    Object.assign(sidecar, {
      terminationMessagePath: "/dev/termination-log",
      imagePullPolicy: "IfNotPresent",
    });
    Object.assign(sidecar.resources as object, {
      limits: { memory: "192Mi", cpu: "1", "ephemeral-storage": "1Gi" },
    });
    Object.assign(sidecar.startupProbe as object, { timeoutSeconds: 1, successThreshold: 1 });
    (sidecar.env as object[]).push({ name: "MESH", value: "on" });
  });

describe("asked again", () => {
  test("about its own work: no patch", () => {
    const once = patched(plain());
    expect(patchPod(once, { config })).toMatchObject({ kind: "patch", patch: [] });
  });

  test("after others have set what their namespace demands: it stays", () => {
    const seen = seenByOthers(patched(plain()));
    expect(patchPod(seen, { config })).toMatchObject({ kind: "patch", patch: [] });
  });

  test("after our own fields were changed: they are as they should be again", () => {
    const harmed = change(patched(plain()), (sidecar) => {
      Object.assign(sidecar, { image: "evil:1", command: ["sh"] });
      Object.assign(sidecar.securityContext as object, { allowPrivilegeEscalation: true });
    });
    expect(sidecarOf(patched(harmed)).command).toBeUndefined();
    expect(sidecarOf(patched(harmed))).toMatchObject({
      image: config.image,
      securityContext: { allowPrivilegeEscalation: false },
    });
  });

  test("by another version: nothing of the old sidecar is taken for an addition", () => {
    const seen = seenByOthers(patched(plain()));
    const newer = injectConfig({ ...config, image: "locum/sidecar:9", version: "9" });
    const fresh = patched(plain(), newer);
    expect(sidecarOf(patched(seen, newer))).toEqual(sidecarOf(fresh));
  });
});
