import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectSidecar, type TestSidecar } from "@locum/collector/sidecar-fixture";
import type { PodView } from "@locum/contracts";
import { type KubeObject, resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClusterCollector, startClusterCollector } from "../kubernetes/cluster-collector.ts";
import { activeService, modelDeployment, podsOf, projectedToken } from "../kubernetes/injected-deployment.ts";
import { startPodSidecar } from "../kubernetes/pod-sidecar.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { until } from "../stack/until.ts";

const missing = kubernetesMissing();
const minutes = 60_000;
const namespace = "models";
const eventsResource = { group: "events.k8s.io", version: "v1", plural: "events" };

describe.skipIf(missing)(`the collector and a real API server (${missing ?? "Kubernetes"})`, () => {
  let cluster: Cluster;
  let collector: ClusterCollector;
  const sidecars: TestSidecar[] = [];

  beforeAll(async () => {
    cluster = await startKubernetes();
    for (const name of [namespace, "other"]) await cluster.run("kubectl", ["create", "namespace", name]);
    for (const name of [namespace, "other"])
      await until(() => cluster.client.get(resources.serviceAccounts, { namespace: name, name: "default" }), {
        what: "the service account",
      });
    collector = await startClusterCollector(cluster, { namespaces: [namespace], heal: "evict" });
  }, 10 * minutes);
  afterAll(async () => {
    for (const sidecar of sidecars) await sidecar.end();
    await collector?.stop();
    await cluster?.stop();
  }, 2 * minutes);

  const apply = (...objects: object[]) =>
    cluster.run(
      "kubectl",
      ["apply", "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
    );
  const viewsOf = async (service: string): Promise<PodView[]> =>
    (await collector.client.pods()).pods.filter((pod) => pod.service === service);
  const connect = async (service: string, pod: KubeObject, token?: string): Promise<TestSidecar> => {
    const { name } = pod.metadata;
    const sidecar = await connectSidecar({
      url: collector.url,
      token: token ?? (await projectedToken(cluster, pod)),
      instance: name,
      role: "standby",
      hello: { service },
    });
    sidecars.push(sidecar);
    return sidecar;
  };
  const activeLabels = async (name: string): Promise<string[]> =>
    (await podsOf(cluster, name, namespace))
      .filter(({ metadata }) => metadata.labels?.["locum.dev/role"] === "active")
      .map(({ metadata }) => metadata.name);
  const endpointsOf = async (name: string): Promise<string[]> => {
    const { items } = await cluster.client.list(
      resources.endpointSlices,
      { namespace },
      { labelSelector: `kubernetes.io/service-name=${name}` },
    );
    return items.flatMap(({ endpoints }) =>
      ((endpoints ?? []) as { targetRef?: { name?: string } }[]).map(
        ({ targetRef }) => targetRef?.name ?? "",
      ),
    );
  };

  it(
    "pods become instances of a service by themselves, and leave it when they go",
    async () => {
      await apply(modelDeployment("xray", { namespace }));
      await until(
        async () => (await viewsOf("xray")).filter(({ instance }) => instance !== null).length === 2,
        {
          what: "two instances",
        },
      );
      expect(await collector.client.service("xray")).toMatchObject({
        class: "stateless",
        instances: 2,
        state: "unknown",
      });
      const pods = await podsOf(cluster, "xray", namespace);
      const [first, second] = await Promise.all(pods.map((pod) => connect("xray", pod)));
      first?.report({ role: "active", inflight: 3 });
      second?.report({ role: "active", inflight: 1 });
      await until(async () => (await collector.client.service("xray")).state === "healthy", {
        what: "a healthy service",
      });
      const { metrics } = await metricsOf(collector);
      expect(metrics).toMatch(/^locum_service_inflight_per_ready\{service="xray"\} 2$/m);

      await cluster.run("kubectl", ["scale", "deployment", "xray", "-n", namespace, "--replicas=1"]);
      await until(async () => (await collector.client.service("xray")).instances === 1, {
        what: "one instance",
      });
      const kinds = async () =>
        (await collector.client.audit({ service: "xray", limit: 100 })).map(({ event }) => event.kind);
      // Written a moment after it is so.
      await expect
        .poll(async () => (await kinds()).filter((kind) => kind === "instance.go").length, {
          timeout: 10_000,
        })
        .toBe(1);
      expect(await kinds()).not.toContain("incident.open");
    },
    2 * minutes,
  );

  it(
    "a token is taken for its own pod alone, and for this audience alone",
    async () => {
      const [pod] = await podsOf(cluster, "xray", namespace);
      if (!pod) throw new Error("no pod");
      const refused = expect.objectContaining({ message: expect.stringContaining("401") });
      const elsewhere = await projectedToken(cluster, pod, { audience: "https://kubernetes.default.svc" });
      await expect(connect("xray", pod, elsewhere)).rejects.toEqual(refused);
      const good = await projectedToken(cluster, pod);
      const [head, body] = good.split(".");
      await expect(connect("xray", pod, `${head}.${body}.${"A".repeat(342)}`)).rejects.toEqual(refused);
      const bound = await connect("xray", pod, good);
      expect(bound.isOpen()).toBe(true);
      const other = structuredClone(pod);
      other.metadata.name = "another";
      const forged = await connect("xray", other, good);
      expect(await forged.closed).toMatchObject({ code: 1008 });
      // Of a namespace that is not this collector's.
      await apply(modelDeployment("stray", { namespace: "other", replicas: 1 }));
      const [stray] = await until(
        async () => {
          const pods = await podsOf(cluster, "stray", "other");
          return pods.length === 1 && pods;
        },
        { what: "the stray pod" },
      );
      if (!stray) throw new Error("no pod");
      await expect(connect("stray", stray)).rejects.toEqual(refused);
    },
    2 * minutes,
  );

  it(
    "a real sidecar runs on what its pod says, and comes with the pod's token",
    async () => {
      const [pod] = await podsOf(cluster, "xray", namespace);
      if (!pod) throw new Error("no pod");
      // Two live boots of one identity would be believed neither.
      for (const scripted of sidecars.splice(0)) await scripted.end();
      const dir = await mkdtemp(join(tmpdir(), "locum-pod-"));
      const sidecar = await startPodSidecar(pod, {
        dir,
        collector: collector.url,
        token: await projectedToken(cluster, pod),
      });
      try {
        const { name } = pod.metadata;
        const seen = () => collector.client.instance("xray", name);
        // There is no model server in a simulated pod, and that is what it reports.
        await until(async () => (await seen()).report?.verdict.kind === "failed", { what: "its report" });
      } finally {
        await sidecar.end();
        await rm(dir, { recursive: true, force: true });
      }
    },
    2 * minutes,
  );

  it(
    "of an exclusive service one pod carries the label, through a promotion and through meddling",
    async () => {
      const annotations = { "locum.dev/class": "exclusive", "locum.dev/posture": "tap" };
      await apply(modelDeployment("icu", { namespace, annotations }), activeService("icu", namespace));
      await until(async () => (await viewsOf("icu")).filter(({ instance }) => instance).length === 2, {
        what: "two instances",
      });
      expect(await endpointsOf("icu")).toEqual([]);
      const pods = await podsOf(cluster, "icu", namespace);
      const both = await Promise.all(pods.map((pod) => connect("icu", pod)));
      const beat = setInterval(() => {
        for (const sidecar of both) sidecar.report();
      }, 300);
      try {
        const first = await until(async () => (await activeLabels("icu"))[0], { what: "a first active" });
        await until(async () => (await endpointsOf("icu")).join() === first, { what: "its endpoint" });

        const standby = pods.find(({ metadata }) => metadata.name !== first)?.metadata.name ?? "";
        await until(async () => (await collector.client.service("icu")).promoting === null, {
          what: "the end of the election",
        });
        const { id } = await collector.client.promote({ service: "icu", instance: standby });
        expect(await collector.client.wait(id)).toMatchObject({ state: "done" });
        await until(async () => (await activeLabels("icu")).join() === standby, {
          what: "the label to move",
        });
        await until(async () => (await endpointsOf("icu")).join() === standby, {
          what: "the endpoint to move",
        });

        await cluster.run("kubectl", [
          "label",
          "pod",
          first,
          "-n",
          namespace,
          "locum.dev/role=active",
          "--overwrite",
        ]);
        await until(async () => (await activeLabels("icu")).join() === standby, {
          what: "the label to be put back",
        });

        const { items } = await cluster.client.list(eventsResource, { namespace });
        expect(items.map(({ reason }) => reason)).toContain("Promoted");
      } finally {
        clearInterval(beat);
      }
    },
    2 * minutes,
  );

  it(
    "a pod that asked and has no sidecar is told, and evicted where another one will come",
    async () => {
      const lone = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "lone", namespace, labels: { "locum.dev/inject": "enabled" } },
        spec: { hostNetwork: true, containers: [{ name: "m", image: "m", ports: [{ containerPort: 1 }] }] },
      };
      await apply(modelDeployment("bare", { namespace, injected: false }), lone);
      const rows = () =>
        collector.client.pods().then(({ pods }) => pods.filter(({ injection }) => injection !== "injected"));
      await until(
        async () => (await rows()).some(({ pod, injection }) => pod === "lone" && injection === "declined"),
        {
          what: "the pod that cannot have one",
        },
      );
      await until(
        async () =>
          (await rows()).filter(({ injection, detail }) => injection === "missed" && detail).length >= 2,
        {
          what: "the pods that missed it",
        },
      );
      const { metrics } = await metricsOf(collector);
      expect(metrics).toMatch(/^locum_uninjected_pods\{namespace="models",reason="host_network"\} 1$/m);
      await until(async () => /act="eviction"\} 1$/m.test((await metricsOf(collector)).metrics), {
        what: "an eviction",
      });
      expect(await cluster.client.get(resources.pods, { namespace, name: "lone" })).not.toBeNull();
      const { items } = await cluster.client.list(eventsResource, { namespace });
      const reasons = items.map(({ reason }) => reason);
      expect(reasons).toEqual(expect.arrayContaining(["InjectionMissed", "InjectionDeclined"]));
    },
    2 * minutes,
  );

  it("has no more rights than it needs, and wants no others", () => {
    expect(collector.log()).not.toMatch(/forbidden|not-authorised/i);
  });
});

async function metricsOf({ url, tokenFile }: ClusterCollector): Promise<{ metrics: string }> {
  const { tokens } = JSON.parse(await readFile(tokenFile, "utf8")) as {
    tokens: { role: string; token: string }[];
  };
  const token = tokens.find(({ role }) => role === "viewer")?.token ?? "";
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return { metrics: await answer.text() };
}
