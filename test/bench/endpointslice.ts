import { createRoleLabels } from "@locum/collector/role-labels";
import { createRoster } from "@locum/collector/roster";
import type { Role } from "@locum/contracts";
import { createRandom, systemClock } from "@locum/runtime";
import { follow, type KubeObject, resources } from "@locum/runtime/kubernetes";
import { activeService, modelDeployment } from "../kubernetes/injected-deployment.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { until } from "../stack/until.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { quantile } from "./quantile.ts";
import { table } from "./table.ts";

const objectiveMs = 1000;
const namespace = "bench";
const name = "xray";

/** Names of the pods behind each slice. */
type Seen = Map<string, string[]>;
type Flip = { writtenMs: number; endpointMs: number };

/** How long the label of roles takes to reach the endpoints of a Service, and a new pod to reach the collector. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const missing = kubernetesMissing();
  if (missing) {
    print(`skipped: ${missing}`);
    return { skipped: missing, objectivesMet: true };
  }
  const flips = typeof flags.flips === "number" ? flags.flips : 40;
  const cluster = await startKubernetes();
  const ending = new AbortController();
  try {
    await cluster.run("kubectl", ["create", "namespace", namespace]);
    await until(() => cluster.client.get(resources.serviceAccounts, { namespace, name: "default" }), {
      what: "the service account",
    });
    const { roster, discoveredMs } = await discover(cluster, ending.signal);
    const seen = watchEndpoints(cluster, ending.signal);
    const measured: Flip[] = [];
    const labels = createRoleLabels({ kubernetes: cluster.client, roster, say: () => undefined });
    for (let epoch = 1; epoch <= flips; epoch += 1) {
      const pods = roster.pods();
      const to = pods[epoch % pods.length];
      if (!to) throw new Error("no pod");
      const roles = new Map<string, Role>(
        pods.map((pod) => [pod.name, pod === to ? "active" : ("fenced" as const)]),
      );
      const beganMs = performance.now();
      if (!(await labels.keep(pods, { term: 1, epoch, roles }))) throw new Error("a label was not written");
      const writtenMs = performance.now() - beganMs;
      await until(() => [...seen.values()].flat().join() === to.name, {
        what: "the endpoint to move",
        everyMs: 1,
      });
      const flip = { writtenMs, endpointMs: performance.now() - beganMs };
      emit({ kind: "flip", epoch, ...flip });
      // The first one has nobody to fence.
      if (epoch > 1) measured.push(flip);
    }
    const rows = [
      rowOf("pod seen by the collector", discoveredMs),
      rowOf(
        "fence and promote written",
        measured.map(({ writtenMs }) => writtenMs),
      ),
      rowOf(
        "EndpointSlice has the new active alone",
        measured.map(({ endpointMs }) => endpointMs),
      ),
    ];
    print(
      table(
        ["step", "n", "median ms", "p95 ms", "max ms"],
        rows.map((row) => Object.values(row)),
      ),
    );
    return { rows, objectiveMs, objectivesMet: rows.every(({ medianMs }) => medianMs < objectiveMs) };
  } finally {
    ending.abort();
    await cluster.stop();
  }
}

const rowOf = (step: string, values: readonly number[]) => ({
  step,
  n: values.length,
  medianMs: Number(quantile(values, 0.5).toFixed(1)),
  p95Ms: Number(quantile(values, 0.95).toFixed(1)),
  maxMs: Number(Math.max(...values).toFixed(1)),
});

async function discover(cluster: Cluster, signal: AbortSignal) {
  const roster = createRoster([namespace]);
  void (async () => {
    const changes = follow(cluster.client, resources.pods, {
      place: { namespace },
      signal,
      clock: systemClock,
      random: createRandom(1),
    });
    for await (const change of changes) roster.apply(namespace, change);
  })();
  await until(() => roster.synced(), { what: "the first list" });
  const discoveredMs: number[] = [];
  const annotations = {
    "locum.dev/class": "exclusive",
    "locum.dev/posture": "tap",
    "locum.dev/group": "lone",
  };
  const lone = modelDeployment("lone", { namespace, annotations }) as { spec: { template: KubeObject } };
  for (let count = 0; count < 20; count += 1) {
    const { metadata, spec } = lone.spec.template;
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, namespace, name: `lone-${count}` },
      spec,
    };
    await cluster.client.create(resources.pods, { namespace }, pod);
    const beganMs = performance.now();
    await until(() => roster.get(namespace, `lone-${count}`), { what: "the pod", everyMs: 1 });
    discoveredMs.push(performance.now() - beganMs);
  }
  await cluster.run("kubectl", ["delete", "pod", "-n", namespace, "--all", "--grace-period=0", "--force"]);
  await until(() => roster.pods().length === 0, { what: "the pods to go" });
  const both = { "locum.dev/class": "exclusive", "locum.dev/posture": "tap" };
  const objects = [modelDeployment(name, { namespace, annotations: both }), activeService(name, namespace)];
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  await cluster.run("kubectl", ["apply", "-f", "-"], list);
  await until(() => roster.pods().filter(({ ready }) => ready).length === 2, { what: "two ready pods" });
  return { roster, discoveredMs };
}

function watchEndpoints(cluster: Cluster, signal: AbortSignal): Seen {
  const seen: Seen = new Map();
  const take = ({ metadata, endpoints }: KubeObject): void => {
    const refs = (endpoints ?? []) as { targetRef?: { name?: string } }[];
    seen.set(
      metadata.name,
      refs.map(({ targetRef }) => targetRef?.name ?? ""),
    );
  };
  void (async () => {
    const changes = follow(cluster.client, resources.endpointSlices, {
      place: { namespace },
      labelSelector: `kubernetes.io/service-name=${name}`,
      signal,
      clock: systemClock,
      random: createRandom(2),
    });
    for await (const change of changes) {
      if (change.kind === "all") change.items.forEach(take);
      else if (change.kind === "put") take(change.object);
      else seen.delete(change.object.metadata.name);
    }
  })();
  return seen;
}
