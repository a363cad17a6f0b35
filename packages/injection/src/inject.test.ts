import { ServiceConfig } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { injectConfig } from "./config.ts";
import { inject } from "./inject.ts";
import type { Container, PodSpec } from "./pod.ts";
import { strip } from "./strip.ts";

const config = injectConfig({ kubeletMin: "1.34", collector: { url: "https://c.locum" } });
type Part = Record<string, unknown>;
const server = (more: Part = {}): Container => ({
  name: "server",
  image: "nvcr.io/nvidia/tritonserver:24.08-py3",
  args: ["tritonserver", "--model-repository=/models"],
  ports: [{ name: "http", containerPort: 8000 }],
  ...more,
});
const pod = (more: Part = {}): PodSpec => ({ containers: [server()], ...more });
const metaOf = (annotations: Record<string, string> = {}, more: Part = {}) => ({
  name: "m-0",
  labels: { "locum.dev/inject": "enabled" },
  annotations: Object.fromEntries(
    Object.entries(annotations).map(([key, text]) => [`locum.dev/${key}`, text]),
  ),
  ...more,
});
function injected(spec: PodSpec, meta: object, cluster = config) {
  const result = inject({ pod: spec, meta, config: cluster });
  if (result.kind === "declined") throw new Error(`${result.reason}: ${result.detail}`);
  const all = [...(result.pod.initContainers ?? []), ...(result.pod.containers ?? [])];
  const sidecar = all.find(({ name }) => name === "locum-sidecar");
  const app = all.find(({ name }) => name === "server");
  if (!sidecar || !app) throw new Error("not injected");
  const env = Object.fromEntries((sidecar.env ?? []).map(({ name, value }) => [name, value]));
  return { ...result, sidecar, app, env };
}
const names = (list: Container[] | undefined) => (list ?? []).map(({ name }) => name);

describe("where the sidecar stands", () => {
  const mesh = [
    { name: "istio-init" },
    { name: "istio-proxy", restartPolicy: "Always" },
    { name: "fetch" },
  ] as Container[];
  test("native: after the mesh, before every other init container", () => {
    const { pod: spec, sidecar } = injected(pod({ initContainers: mesh }), metaOf());
    expect(names(spec.initContainers)).toEqual(["istio-init", "istio-proxy", "locum-sidecar", "fetch"]);
    expect(sidecar.restartPolicy).toBe("Always");
  });
  test.each([
    ["an old kubelet", injectConfig({ kubeletMin: "1.32" }), {}],
    ["a kubelet that is not known", injectConfig({}), {}],
    ["a cluster that wants none", injectConfig({ kubeletMin: "1.34", native: "never" }), {}],
    ["a pod that wants none", config, { "native-sidecar": "never" }],
  ])("ordinary, with the model waiting for it: %s", (_what, cluster, keys) => {
    const spec = pod({ containers: [{ name: "linkerd-proxy" }, server()] });
    const { pod: made, sidecar } = injected(spec, metaOf(keys), cluster);
    expect(names(made.containers)).toEqual(["linkerd-proxy", "locum-sidecar", "server"]);
    expect(sidecar.lifecycle?.postStart?.exec).toBeDefined();
    expect(sidecar.restartPolicy).toBeUndefined();
  });
  test("the restricted standard: nothing is asked of the node", () => {
    const { sidecar } = injected(pod(), metaOf());
    expect(sidecar.securityContext).toEqual({
      runAsUser: 65_532,
      runAsGroup: 65_532,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    });
  });
  test("resources are merged key by key", () => {
    expect(injected(pod(), metaOf({ "cpu-request": "50m" })).sidecar.resources).toEqual({
      requests: { cpu: "50m", memory: "64Mi" },
      limits: { memory: "192Mi" },
    });
  });
});

describe("the way of requests", () => {
  test("watch leaves ports and probes alone", () => {
    const spec = pod({ containers: [server({ readinessProbe: { httpGet: { port: "http" } } })] });
    const { app, sidecar } = injected(spec, metaOf());
    expect(app).toEqual(spec.containers?.[0]);
    expect(sidecar.ports).toEqual([{ name: "locum-control", containerPort: 8472, protocol: "TCP" }]);
  });
  test("tap takes the name of the port, and whatever named it gets its number", () => {
    const hooks = { lifecycle: { preStop: { httpGet: { port: "http", path: "/stop" } } } };
    const probes = {
      startupProbe: { tcpSocket: { port: "http" } },
      livenessProbe: { httpGet: { port: "http" } },
    };
    const spec = pod({ containers: [server({ ...hooks, ...probes })] });
    const { app, sidecar, pod: made, meta } = injected(spec, metaOf({ posture: "tap" }));
    expect(app.ports).toEqual([{ name: "locum-app", containerPort: 8000 }]);
    expect(sidecar.ports?.[0]).toMatchObject({ name: "http", containerPort: 8471 });
    expect(app).toMatchObject({
      lifecycle: { preStop: { httpGet: { port: 8000, path: "/stop" } } },
      startupProbe: { tcpSocket: { port: 8000 } },
      livenessProbe: { httpGet: { port: 8000 } },
    });
    expect(strip(made, meta).pod).toEqual(spec);
  });
  test("readiness is asked by the sidecar, with the times of the pod", () => {
    const readinessProbe = {
      httpGet: { path: "/r", port: "http", scheme: "HTTPS" },
      timeoutSeconds: 4,
      periodSeconds: 9,
    };
    const { app, env } = injected(
      pod({ containers: [server({ readinessProbe })] }),
      metaOf({ posture: "tap" }),
    );
    expect(app.readinessProbe).toEqual({
      httpGet: { path: "/probe/readiness", port: 8472 },
      timeoutSeconds: 4,
      periodSeconds: 9,
    });
    expect(JSON.parse(env.LOCUM_PROBES ?? "")).toEqual({
      readiness: { scheme: "HTTPS", http: { port: 8000, path: "/r" }, timeoutMs: 4000 },
    });
  });
  test.each([
    ["exec", { exec: { command: ["true"] } }],
    ["another host", { httpGet: { port: 8000, host: "example.com" } }],
    ["a port that is nobody's", { tcpSocket: { port: "other" } }],
  ])("a probe stays with the kubelet: %s", (_what, readinessProbe) => {
    const spec = pod({ containers: [server({ readinessProbe })] });
    const { app, notes } = injected(spec, metaOf({ posture: "tap" }));
    expect(app.readinessProbe).toEqual(readinessProbe);
    expect(notes).toContainEqual(expect.objectContaining({ code: "probe_kept" }));
  });
  test("what the kubelet would resolve in a value stays as it was written", () => {
    const readinessProbe = { httpGet: { path: "/$(LOCUM_POD)", port: 8000 } };
    const { env } = injected(pod({ containers: [server({ readinessProbe })] }), metaOf({ posture: "tap" }));
    expect(env.LOCUM_PROBES).toContain("/$$(LOCUM_POD)");
  });
  test("only an exclusive service has the role as a label", () => {
    const labels = (keys: Record<string, string>) =>
      injected(pod(), metaOf({ posture: "tap", ...keys })).meta.labels;
    expect(labels({})).not.toHaveProperty("locum.dev/role");
    expect(labels({ class: "exclusive" })).toMatchObject({ "locum.dev/role": "standby" });
    expect(labels({ class: "exclusive", role: "active" })).toMatchObject({ "locum.dev/role": "active" });
  });
});

describe("the model's files", () => {
  const mounted = (volume: Part, mount: Part = {}) =>
    pod({
      containers: [server({ volumeMounts: [{ name: "m", mountPath: "/models", ...mount }] })],
      volumes: [{ name: "m", ...volume }],
    });
  const mountOf = (spec: PodSpec) =>
    injected(spec, metaOf()).sidecar.volumeMounts?.find(({ mountPath }) => mountPath === "/models");
  test("are mounted for writing, even where the model only reads them", () => {
    expect(
      mountOf(mounted({ persistentVolumeClaim: { claimName: "c" } }, { readOnly: true, subPath: "v1" })),
    ).toEqual({
      name: "m",
      mountPath: "/models",
      subPath: "v1",
    });
  });
  test.each([
    [{ configMap: { name: "c" } }],
    [{ persistentVolumeClaim: { claimName: "c", readOnly: true } }],
    [{ image: { reference: "r" } }],
  ])("are mounted for reading where the volume allows no more: %j", (volume) => {
    expect(mountOf(mounted(volume))).toMatchObject({ readOnly: true });
  });
  test.each([
    ["in the image", pod(), "model_not_mounted"],
    ["by subPathExpr", mounted({ emptyDir: {} }, { subPathExpr: "$(X)" }), "model_not_mounted"],
  ])("%s are not judged", (_what, spec, code) => {
    const { notes, env } = injected(spec, metaOf());
    expect(notes).toContainEqual(expect.objectContaining({ code }));
    expect(env.LOCUM_SERVICE).not.toContain("modelDir");
  });
});

test("a posture that no sidecar can keep is refused by its own reason, wherever it is asked for", () => {
  expect(inject({ pod: pod(), meta: metaOf({ posture: "guard" }), config })).toMatchObject({
    reason: "guard_unavailable",
  });
  expect(() => injectConfig({ defaults: { posture: "guard" } })).toThrow(/posture: guard/);
  // Once a service file can say it, this refusal has to go.
  expect(ServiceConfig.safeParse({ posture: "guard" }).error?.issues).toContainEqual(
    expect.objectContaining({ path: ["posture"] }),
  );
});

test("the namespace asks where it is labelled; the pod's own label wins", () => {
  const cluster = injectConfig({ namespaceInject: true });
  expect(inject({ pod: pod(), meta: { name: "m" }, config: cluster }).kind).toBe("injected");
  const disabled = { name: "m", labels: { "locum.dev/inject": "disabled" } };
  expect(inject({ pod: pod(), meta: disabled, config: cluster })).toMatchObject({ reason: "label_disabled" });
});

test("the service is named after what made the pod", () => {
  const groupOf = (meta: object) =>
    JSON.parse(
      injected(pod(), { labels: { "locum.dev/inject": "enabled" }, ...meta }).env.LOCUM_SERVICE ?? "",
    ).service;
  const labels = { "locum.dev/inject": "enabled", "pod-template-hash": "6cb8d" };
  expect(
    groupOf({
      generateName: "xray-6cb8d-",
      labels,
      ownerReferences: [{ kind: "ReplicaSet", name: "xray-6cb8d" }],
    }),
  ).toBe("xray");
  expect(groupOf({ name: "xray-0", ownerReferences: [{ kind: "StatefulSet", name: "xray" }] })).toBe("xray");
  expect(groupOf({ generateName: "n-", ownerReferences: [{ kind: "Job", name: "nightly-29012345" }] })).toBe(
    "nightly",
  );
  expect(
    groupOf({
      labels: { ...labels, "serving.kserve.io/inferenceservice": "iris" },
      generateName: "iris-p-6cb8d-",
    }),
  ).toBe("iris");
  expect(groupOf({ name: "alone" })).toBe("alone");
});

test("annotations that Kubernetes would not keep are not written", () => {
  const meta = metaOf({}, { annotations: { big: "x".repeat(262_000) } });
  expect(inject({ pod: pod(), meta, config })).toMatchObject({ reason: "oversized_annotations" });
  const huge = server({ readinessProbe: { httpGet: { port: 8000, path: `/${"x".repeat(17_000)}` } } });
  expect(
    inject({ pod: pod({ containers: [huge] }), meta: metaOf({ posture: "tap" }), config }),
  ).toMatchObject({
    reason: "oversized_annotations",
  });
});

test("nothing that comes in is changed", () => {
  const spec = pod({
    containers: [server({ readinessProbe: { httpGet: { port: "http" } } })],
    initContainers: [],
  });
  const meta = metaOf({ posture: "tap", class: "exclusive" });
  const frozen = JSON.stringify([spec, meta]);
  inject({ pod: spec, meta, config });
  expect(JSON.stringify([spec, meta])).toBe(frozen);
});
