import type { InstanceView, ServiceView } from "@locum/contracts";
import type { KubeObject } from "@locum/runtime/kubernetes";
import { describe, expect, test } from "vitest";
import { checkPodSecurity, checkWebhook } from "./admission-checks.ts";
import type { CheckLine } from "./check-groups.ts";
import { checkCollector, checkSkew } from "./collector-checks.ts";
import { injectorCertificate } from "./injector-certificate.fixture.ts";
import { type PodFacts, podFacts } from "./pod-facts.ts";
import type { ClusterSeen, Read } from "./read-cluster.ts";
import { checkAutoscalers, checkBudgets, checkCoverage, checkPorts, checkSpread } from "./workload-checks.ts";

const read = (...items: object[]): Read => ({ items: items as KubeObject[], fault: null });
const pod = (name: string, patch: Partial<PodFacts> = {}): PodFacts => ({
  namespace: "m",
  name,
  labels: { app: "x" },
  asked: true,
  injected: true,
  unreadable: false,
  version: "0.1.0",
  node: name,
  hostNetwork: false,
  workload: { kind: "Deployment", name: "x" },
  ports: { tap: 8471, model: 8000 },
  container: "model",
  ...patch,
});
const cluster = (patch: Partial<ClusterSeen> = {}): ClusterSeen => ({
  pods: [pod("a"), pod("b")],
  podsFault: null,
  namespaces: read({ metadata: { name: "m" } }),
  services: read(),
  autoscalers: read(),
  budgets: read(),
  nodes: read(),
  webhooks: read(),
  policies: read(),
  injectors: read(),
  secret: read(),
  ...patch,
});
const levels = (lines: CheckLine[]): string[] => lines.map(({ level, what }) => `${level} ${what}`);
const metadata = { name: "x", namespace: "m" };

describe("workloads", () => {
  const service = (targetPort: unknown) =>
    read({ metadata, spec: { selector: { app: "x" }, ports: [{ port: 80, targetPort }] } });
  test.each([
    [8000, "bad"],
    [8471, "ok"],
    ["http", "ok"],
  ])("a Service with targetPort %s is %s", (targetPort, level) => {
    expect(checkPorts(cluster({ services: service(targetPort) }))[0]?.level).toBe(level);
  });
  test("a Service of another namespace leads nowhere near", () => {
    const services = read({
      metadata: { name: "x", namespace: "n" },
      spec: { selector: { app: "x" }, ports: [{ port: 8000 }] },
    });
    expect(checkPorts(cluster({ services }))[0]?.level).toBe("ok");
  });

  const scaler = (type: string) =>
    read({
      metadata,
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "x" },
        metrics: [{ type, resource: { name: "cpu" } }],
      },
    });
  test.each([
    ["Resource", "note"],
    ["ContainerResource", "ok"],
  ])("an autoscaler by %s is %s", (type, level) => {
    const [line] = checkAutoscalers(cluster({ autoscalers: scaler(type) }));
    expect(line?.level).toBe(level);
    if (level === "note") expect(line?.evidence[0]).toContain("ContainerResource of model");
  });

  const budget = (spec: object) =>
    read({ metadata, spec: { selector: { matchLabels: { app: "x" } }, ...spec } });
  test.each([
    [{ minAvailable: 2 }, "bad"],
    [{ minAvailable: "100%" }, "bad"],
    [{ maxUnavailable: 0 }, "bad"],
    [{ minAvailable: 1 }, "ok"],
    [{ maxUnavailable: "50%" }, "ok"],
  ])("a budget of %j over two is %s", (spec, level) => {
    expect(checkBudgets(cluster({ budgets: budget(spec) }))[0]?.level).toBe(level);
  });
  test("no budget and one replica are worth knowing", () => {
    expect(checkBudgets(cluster())[0]?.what).toContain("no budget");
    expect(checkBudgets(cluster({ pods: [pod("a")] }))[0]?.what).toContain("one replica");
  });

  test("pods without their sidecar, and those whose status somebody changed", () => {
    const pods = [pod("a"), pod("b", { injected: false }), pod("c", { unreadable: true })];
    expect(checkCoverage(cluster({ pods }))).toMatchObject([
      { level: "bad", evidence: ["m/b"] },
      { level: "note", evidence: ["m/c"] },
    ]);
  });

  test("all on one node", () => {
    const pods = [pod("a", { node: "n1" }), pod("b", { node: "n1" })];
    expect(checkSpread(cluster({ pods }))[0]).toMatchObject({
      level: "note",
      evidence: ["m/Deployment/x: 2 on n1"],
    });
  });
});

describe("admission", () => {
  const day = 86_400_000;
  const { pem, notAfterMs } = injectorCertificate;
  const encoded = Buffer.from(pem).toString("base64");
  const installed = (caBundle: string, crt = encoded): Partial<ClusterSeen> => ({
    webhooks: read({ metadata, webhooks: [{ clientConfig: { caBundle } }] }),
    injectors: read({ metadata, spec: { replicas: 2 }, status: { readyReplicas: 2 } }),
    secret: read({ metadata, data: { "tls.crt": crt } }),
  });
  test.each([
    ["a month before its end", 30, "ok the certificate is trusted and lasts"],
    ["nine days before its end", 9, "note the certificate ends soon, and was not renewed"],
    ["after its end", -1, "bad the certificate has expired"],
  ])("%s", (_when, days, line) => {
    expect(levels(checkWebhook(cluster(installed(encoded)), notAfterMs - days * day)).at(-1)).toBe(line);
  });
  test("a bundle of somebody else, an empty one, no certificate, no injector, nothing at all", () => {
    const other = Buffer.from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").toString(
      "base64",
    );
    expect(levels(checkWebhook(cluster(installed(other)), 0)).at(-1)).toContain("does not trust");
    expect(levels(checkWebhook(cluster(installed("")), 0))).toContain("bad the webhook trusts nobody yet");
    expect(levels(checkWebhook(cluster(installed(encoded, "eA==")), 0)).at(-1)).toContain("cannot be read");
    expect(levels(checkWebhook(cluster({ ...installed(encoded), injectors: read() }), 0))[0]).toContain(
      "no injector",
    );
    expect(levels(checkWebhook(cluster(), 0))).toEqual(["bad nothing injects"]);
    const policies = read({ metadata: { name: "locum-inject" } });
    expect(levels(checkWebhook(cluster({ policies }), 0))[0]).toContain("ok a policy injects");
  });
  test("a pod on the host's network will not be let into a restricted namespace again", () => {
    const namespaces = read({
      metadata: { name: "m", labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    expect(checkPodSecurity(cluster({ namespaces }))[0]?.level).toBe("ok");
    const pods = [pod("a", { hostNetwork: true })];
    expect(checkPodSecurity(cluster({ namespaces, pods }))[0]).toMatchObject({
      level: "bad",
      evidence: ["m/a: restricted"],
    });
  });
});

describe("what the collector knows", () => {
  const service = (patch: object) =>
    ({
      service: "x",
      class: "stateless",
      active: ["a", "b"],
      fit: ["a", "b"],
      instances: 2,
      ...patch,
    }) as ServiceView;
  const instance = (restorable: string[]) =>
    ({ service: "x", instance: "a", report: { bytes: "approved", restorable } }) as unknown as InstanceView;
  const seen = { services: [service({})], instances: [instance(["sha256:1"])], pods: [], lastDrillMs: 0 };
  test("in order, and each out of order", () => {
    expect(checkCollector(seen, 1000).map(({ level }) => level)).toEqual(["ok", "ok", "ok"]);
    const alone = { ...seen, services: [service({ class: "exclusive", active: ["a"], fit: ["a"] })] };
    expect(checkCollector(alone, 1000)[1]).toMatchObject({ level: "bad", evidence: ["x: 1 of 2 fit"] });
    expect(checkCollector({ ...seen, instances: [instance([])] }, 1000)[0]?.level).toBe("note");
    expect(checkCollector(seen, 31 * 86_400_000)[2]?.what).toContain("30 days");
    expect(checkCollector({ ...seen, lastDrillMs: null }, 1)[2]?.level).toBe("note");
  });
  test.each([
    ["0.1.4", "ok"],
    ["0.2.0", "ok"],
    ["0.3.0", "bad"],
    ["1.1.0", "bad"],
    ["main", "bad"],
  ])("version %s beside 0.1.0 is %s", (version, level) => {
    expect(checkSkew([{ who: "m/a", version }], "0.1.0")[0]?.level).toBe(level);
  });
});

test("every line says what was found, in order or not", () => {
  const empty: ClusterSeen = cluster({ pods: [] });
  const service = {
    service: "x",
    class: "stateless",
    active: [],
    fit: [],
    instances: 1,
  } as unknown as ServiceView;
  const lines = [
    empty,
    cluster(),
    cluster({ pods: [pod("a", { node: "n" }), pod("b", { node: "n" })] }),
  ].flatMap((seen) => [
    ...checkPodSecurity(seen),
    ...checkWebhook(seen, 0),
    ...checkCoverage(seen),
    ...checkPorts(seen),
    ...checkAutoscalers(seen),
    ...checkBudgets(seen),
    ...checkSpread(seen),
  ]);
  for (const services of [[], [service]])
    lines.push(...checkCollector({ services, instances: [], pods: [], lastDrillMs: null }, 0));
  lines.push(...checkSkew([], "0.1.0"));
  expect(lines.length).toBeGreaterThan(25);
  expect(lines.filter(({ evidence }) => evidence.length === 0 || evidence.includes(""))).toEqual([]);
});

test("an object that is odd is passed over", () => {
  for (const spec of [
    null,
    7,
    { containers: 7 },
    { containers: [null, { name: "locum-sidecar", env: "x" }] },
  ])
    expect(() => podFacts({ metadata: { name: "a" }, spec } as unknown as KubeObject)).not.toThrow();
});
