import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { webhookConfiguration, webhookNames } from "@locum/injection";
import { someSet } from "@locum/injector/some-set";
import { systemClock, systemRandom } from "@locum/runtime";
import { follow, type KubeObject, resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Pair, writePair } from "../kubernetes/certificate-pair.ts";
import { injectorKubeconfig } from "../kubernetes/injector-identity.ts";
import { type InjectorProcess, startInjectorProcess } from "../kubernetes/injector-process.ts";
import { type Relay, startRelay } from "../kubernetes/relay.ts";
import { killApiserver } from "../kubernetes/restart-apiserver.ts";
import { type Spec, sidecarOf } from "../kubernetes/sidecar-of.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { until } from "../stack/until.ts";

const missing = kubernetesMissing();
const minutes = 60_000;
const dayMs = 86_400_000;
const patient = { timeout: 2 * minutes, interval: 100 };
const podsEach = Number(process.env.LOCUM_FAULT_PODS ?? 20);

const server = {
  name: "server",
  image: "nvcr.io/nvidia/tritonserver:24.08-py3",
  args: ["tritonserver", "--model-repository=/models"],
  ports: [{ name: "http", containerPort: 8000 }],
};
const asks = { "locum.dev/inject": "enabled" };
const deployment = (name: string, replicas: number, labels: object = {}): object => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name, ...labels } }, spec: { containers: [server] } },
  },
});
describe.skipIf(missing)(`the injector on Kubernetes (${missing ?? "real control plane"})`, () => {
  let cluster: Cluster;
  let relay: Relay;
  let kubeconfig: string;
  let injectors: InjectorProcess[] = [];
  /** Of every labelled pod of a Deployment that was ever seen: those without a sidecar. */
  const uninjected = new Set<string>();
  const watching = new AbortController();

  const config = () => ({
    kubeconfig,
    inject: { kubeletMin: "1.36", collector: { url: "https://c.locum" } },
  });
  async function start(count: number): Promise<void> {
    injectors = await Promise.all(Array.from({ length: count }, () => startInjectorProcess(config())));
    relay.to(injectors.map(({ url }) => url));
    for (const one of injectors) await until(() => one.ready(), { what: "an injector to be trusted" });
  }
  async function end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    relay.to([]);
    await Promise.all(injectors.splice(0).map((one) => one.end(signal)));
    relay.cut();
  }
  const podsOf = async (app: string): Promise<KubeObject[]> =>
    (await cluster.client.list(resources.pods, { namespace: "default" }, { labelSelector: `app=${app}` }))
      .items;
  const create = (name: string, replicas: number, labels?: object) =>
    cluster.client.create(
      resources.deployments,
      { namespace: "default" },
      deployment(name, replicas, labels),
    );

  beforeAll(async () => {
    cluster = await startKubernetes();
    relay = await startRelay();
    kubeconfig = await injectorKubeconfig(cluster);
    const registration = webhookConfiguration({ url: relay.url });
    await cluster.client.create(resources.mutatingWebhooks, {}, registration);
    await start(2);
    void (async () => {
      for await (const change of follow(cluster.client, resources.pods, {
        labelSelector: "locum.dev/inject=enabled,app",
        signal: watching.signal,
        clock: systemClock,
        random: systemRandom,
      }))
        for (const pod of change.kind === "all" ? change.items : [change.object])
          if (!sidecarOf(pod)) uninjected.add(`${pod.metadata.namespace}/${pod.metadata.name}`);
    })();
  }, 15 * minutes);
  afterAll(async () => {
    watching.abort();
    await end();
    relay?.close();
    await cluster?.stop();
  }, 2 * minutes);

  test(
    "a labelled Deployment runs with native sidecars, an unlabelled one is never touched",
    async () => {
      await create("asked", 5, asks);
      await create("plain", 5);
      const running = async (app: string) =>
        (await podsOf(app)).filter(({ status }) => (status as { phase: string }).phase === "Running");
      await expect.poll(async () => (await running("asked")).length, patient).toBe(5);
      await expect.poll(async () => (await running("plain")).length, patient).toBe(5);
      for (const pod of await podsOf("asked")) {
        const sidecar = sidecarOf(pod);
        expect(sidecar?.restartPolicy).toBe("Always");
        // Of the model's container the API server has mounted the pod's token, of the sidecar an empty folder.
        const tokens = sidecar?.volumeMounts?.filter(({ mountPath }) =>
          mountPath.endsWith("/serviceaccount"),
        );
        expect(tokens).toMatchObject([{ name: "locum-state", subPath: "no-token" }]);
        expect(JSON.parse(pod.metadata.annotations?.["locum.dev/status"] ?? "{}")).toMatchObject({ v: 1 });
      }
      for (const pod of await podsOf("plain")) {
        expect(sidecarOf(pod)).toBeUndefined();
        expect(pod.metadata.annotations?.["locum.dev/status"]).toBeUndefined();
      }
    },
    5 * minutes,
  );

  test("replicas serve one certificate, which the API server trusts", async () => {
    const prints = await Promise.all(
      injectors.map(
        ({ url }) =>
          new Promise<string>((resolve, reject) => {
            const socket = connect({ port: Number(new URL(url).port), rejectUnauthorized: false }, () => {
              resolve(socket.getPeerCertificate().fingerprint256);
              socket.destroy();
            }).on("error", reject);
          }),
      ),
    );
    expect(new Set(prints).size).toBe(1);
    const found = await cluster.client.get(resources.mutatingWebhooks, {
      name: webhookNames.webhookConfiguration,
    });
    const managers = found?.metadata.managedFields as { manager: string; fieldsV1: object }[];
    const ours = managers.find(({ manager }) => manager === webhookNames.fieldManager);
    const fields = JSON.stringify(ours?.fieldsV1).match(/f:\w+/g) ?? [];
    expect(new Set(fields)).toEqual(new Set(["f:webhooks", "f:clientConfig", "f:caBundle", "f:name"]));
  });

  test("a namespace that asks, and a pod in it that does not want to", async () => {
    const name = "asking";
    await cluster.client.create(
      resources.namespaces,
      {},
      {
        metadata: { name, labels: { [webhookNames.namespaceLabel]: "enabled" } },
      },
    );
    await accountIn(name);
    const make = (pod: string, labels: object) =>
      cluster.client.create(
        resources.pods,
        { namespace: name },
        { metadata: { name: pod, labels }, spec: { containers: [server] } },
      );
    expect(sidecarOf(await make("one", {}))).toBeDefined();
    expect(sidecarOf(await make("two", { "locum.dev/inject": "disabled" }))).toBeUndefined();
  });

  test("a namespace with limits of its own, and the restricted standard, takes the injected pod", async () => {
    const name = "strict";
    await cluster.client.create(
      resources.namespaces,
      {},
      {
        metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
      },
    );
    await accountIn(name);
    await cluster.client.create(
      { group: "", version: "v1", plural: "limitranges" },
      { namespace: name },
      {
        metadata: { name: "limits" },
        spec: {
          limits: [
            { type: "Container", max: { cpu: "2" }, default: { cpu: "1" }, defaultRequest: { cpu: "100m" } },
          ],
        },
      },
    );
    const securityContext = {
      runAsNonRoot: true,
      runAsUser: 1000,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    };
    const pod = await cluster.client.create(
      resources.pods,
      { namespace: name },
      {
        metadata: { name: "m-0", labels: asks },
        spec: { containers: [{ ...server, securityContext }] },
      },
    );
    expect(sidecarOf(pod)?.resources).toMatchObject({ limits: { cpu: "1" }, requests: { cpu: "25m" } });
  });

  test("a port that Services know by number: the server is moved, and nobody is warned of anything", async () => {
    const [{ containerPort } = { containerPort: 0 }] = server.ports;
    const object = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "by-number", labels: asks, annotations: { "locum.dev/posture": "tap" } },
      spec: { containers: [{ ...server, ports: [{ containerPort }] }] },
    };
    const said = await cluster.run("kubectl", ["apply", "-f", "-"], JSON.stringify(object));
    expect(said.trim()).toBe("pod/by-number created");
    const place = { namespace: "default", name: "by-number" };
    const pod = await cluster.client.get(resources.pods, place);
    if (!pod) throw new Error("it is gone");
    expect((pod.spec as Spec).containers[0]).toMatchObject({
      args: [...server.args, "--http-port=8474"],
      ports: [{ containerPort }],
    });
    expect(JSON.stringify(sidecarOf(pod))).toContain(`0.0.0.0:${containerPort}`);
    await cluster.client.remove(resources.pods, place);
  });

  test("what is not injected is said to whoever creates it", async () => {
    const object = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "on-host", labels: asks },
      spec: { hostNetwork: true, containers: [server] },
    };
    const said = await cluster.run("kubectl", ["apply", "-f", "-"], JSON.stringify(object));
    expect(said).toMatch(/Warning: locum: no sidecar: host_network: /);
    await cluster.client.remove(resources.pods, { namespace: "default", name: "on-host" });
  });

  test("the token that is projected into a sidecar is valid for the collector, and for nobody else", async () => {
    const audience = "locum.dev-collector";
    const { status } = await cluster.client.create(
      resources.serviceAccounts,
      { namespace: "default", name: "default", sub: "token" },
      { spec: { audiences: [audience], expirationSeconds: 3600 } },
    );
    const review = async (audiences: string[]) =>
      (
        await cluster.client.create(
          resources.tokenReviews,
          {},
          {
            spec: { token: (status as { token: string }).token, audiences },
          },
        )
      ).status as { authenticated?: boolean; user?: { username: string } };
    expect(await review([audience])).toMatchObject({
      authenticated: true,
      user: { username: "system:serviceaccount:default:default" },
    });
    expect((await review(["somebody-else"])).authenticated).not.toBe(true);
    expect((await review(["https://kubernetes.default.svc"])).authenticated).not.toBe(true);
  });

  describe("faults: no labelled pod without its sidecar, no unlabelled one held up", () => {
    const faults: Record<string, () => Promise<() => Promise<void>>> = {
      "every injector is killed": async () => {
        await end("SIGKILL");
        return () => start(2);
      },
      "every injector takes 30 s to answer": async () => {
        relay.delay(30_000);
        return async () => {
          relay.delay(0);
          relay.cut();
        };
      },
      "the certificate has expired": async () => {
        const authority = await someSet({ nowMs: Date.now() - 40 * dayMs });
        const dir = await startWithFiles(authority, authority);
        return async () => writePair(dir, await someSet({ over: authority }));
      },
      "the API server trusts another authority": async () => {
        await startWithFiles(await someSet(), await someSet());
        return async () => {
          await end();
          await start(2);
        };
      },
      "the API server is killed and comes back": async () => {
        return killApiserver(cluster);
      },
      "one of two replicas is replaced": async () => {
        const [leaving, staying] = injectors as [InjectorProcess, InjectorProcess];
        relay.to([staying.url]);
        await leaving.end();
        injectors = [staying];
        return async () => {
          const fresh = await startInjectorProcess(config());
          injectors = [staying, fresh];
          relay.to(injectors.map(({ url }) => url));
        };
      },
    };

    const dryRun = (labels: object) =>
      cluster.client
        .create(
          resources.pods,
          { namespace: "default" },
          { metadata: { name: "dry", labels }, spec: { containers: [server] } },
          { dryRun: true },
        )
        .then(
          () => "created",
          (error: Error) => error.message,
        );
    const scale = (name: string) =>
      cluster.client.patch(
        resources.deployments,
        { namespace: "default", name },
        { spec: { replicas: podsEach } },
      );

    test.each(Object.keys(faults))(
      "%s",
      async (what) => {
        const name = `f${Object.keys(faults).indexOf(what)}`;
        await create(`${name}-asked`, 0, asks);
        await create(`${name}-plain`, 0);
        const isApiserver = what.startsWith("the API server is killed");
        const scaleBoth = async (): Promise<void> => {
          await scale(`${name}-asked`);
          await scale(`${name}-plain`);
        };
        // The API server dies while it makes pods; of the others it is known that it has not begun.
        if (isApiserver) await scaleBoth();
        const heal = await faults[what]?.();
        const isOutage = !isApiserver && !what.startsWith("one of two");
        if (isOutage) await expect.poll(() => dryRun(asks), patient).toContain("failed calling webhook");
        if (isApiserver) await heal?.();
        else await scaleBoth();
        await expect.poll(async () => (await podsOf(`${name}-plain`)).length, patient).toBe(podsEach);
        if (isOutage) {
          expect(await dryRun({})).toBe("created");
          expect(await podsOf(`${name}-asked`)).toEqual([]);
        }
        if (!isApiserver) await heal?.();
        await expect.poll(async () => (await podsOf(`${name}-asked`)).length, patient).toBe(podsEach);
        expect((await podsOf(`${name}-asked`)).filter((pod) => !sidecarOf(pod))).toEqual([]);
        expect([...uninjected]).toEqual([]);
        for (const app of ["asked", "plain"])
          await cluster.client.remove(resources.deployments, {
            namespace: "default",
            name: `${name}-${app}`,
          });
        // What was broken for its sake is whole again for the next.
        if (injectors.length < 2) {
          await end();
          await start(2);
        }
      },
      6 * minutes,
    );
  });

  /** One injector that serves a pair which others keep, as with cert-manager, and an API server that trusts `trusted`. */
  async function startWithFiles(served: Pair, trusted: { authorities: string }): Promise<string> {
    await end();
    const dir = await mkdtemp(join(tmpdir(), "locum-tls-"));
    await writePair(dir, served);
    const value = Buffer.from(trusted.authorities).toString("base64");
    await cluster.client.patch(
      resources.mutatingWebhooks,
      { name: webhookNames.webhookConfiguration },
      [0, 1].map((at) => ({ op: "replace", path: `/webhooks/${at}/clientConfig/caBundle`, value })),
      { fieldManager: "somebody-else" },
    );
    injectors = [await startInjectorProcess({ ...config(), certificates: "files", certificateDir: dir })];
    relay.to(injectors.map(({ url }) => url));
    return dir;
  }

  /** The controllers make the account `default` of a namespace a moment after it. */
  const accountIn = (namespace: string) =>
    expect
      .poll(() => cluster.client.get(resources.serviceAccounts, { namespace, name: "default" }), patient)
      .not.toBeNull();
});
