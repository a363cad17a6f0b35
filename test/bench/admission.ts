import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { injectConfig, patchPod, webhookConfiguration } from "@locum/injection";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import { injectorKubeconfig } from "../kubernetes/injector-identity.ts";
import { startInjectorProcess } from "../kubernetes/injector-process.ts";
import { kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { until } from "../stack/until.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { quantile } from "./quantile.ts";
import { table } from "./table.ts";

const objectiveMs = 2;
const namespace = "default";
const warmUp = 50;
type Way = { way: string; labels: Record<string, string> };
/** One pod, but for the label that says who is asked about it. */
const ways: readonly Way[] = [
  { way: "no webhook", labels: {} },
  { way: "one that allows", labels: { bench: "allow" } },
  { way: "one with the same patch", labels: { bench: "patch" } },
  { way: "the injector", labels: { "locum.dev/inject": "enabled" } },
];
const server = {
  name: "server",
  image: "nvcr.io/nvidia/tritonserver:24.08-py3",
  args: ["tritonserver", "--model-repository=/models"],
  ports: [{ name: "http", containerPort: 8000 }],
};

/** Pods created one after the other on a real API server, one of each way in turn, so that noise falls on all alike. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const missing = kubernetesMissing();
  if (missing !== null) {
    print(`skipped: ${missing}`);
    return { skipped: missing, objectivesMet: true };
  }
  const pods = typeof flags.pods === "number" ? flags.pods : 500;
  const cluster = await startKubernetes({ minimal: flags.controllers !== true });
  const ends: (() => unknown)[] = [() => cluster.stop()];
  try {
    const kubeconfig = await injectorKubeconfig(cluster);
    const injector = await startInjectorProcess({ kubeconfig, inject: { kubeletMin: "1.36" } });
    ends.push(() => injector.end());
    const registration = webhookConfiguration({ url: injector.url });
    await cluster.client.create(resources.mutatingWebhooks, {}, registration);
    await until(() => injector.ready(), { what: "the injector to be trusted" });
    ends.push(await registerEmpty(cluster.client));
    for (const way of ways.slice(2))
      await until(async () => (await create(cluster.client, "trial", way)).injected, {
        what: `a pod of ${way.way}`,
      });
    const times = await measure(cluster.client, pods);
    const rows = rowsOf(times);
    for (const row of rows) emit({ kind: "way", ...row });
    print(
      table(
        ["asked at creation", "pods", "p50 ms", "p99 ms", "added p50", "added p99"],
        rows.map(({ way, count, p50Ms, p99Ms, addedP50Ms, addedP99Ms }) => [
          way,
          count,
          p50Ms,
          p99Ms,
          addedP50Ms,
          addedP99Ms,
        ]),
      ),
    );
    const added = rows.at(-1)?.addedP50Ms ?? Number.POSITIVE_INFINITY;
    const { reviews, meanMs } = await ownPart(injector.probes);
    print(
      `the injector's own part: ${meanMs} ms a review, ${round(reviews / (pods + warmUp))} review(s) a pod`,
    );
    print(`objective: at most ${objectiveMs} ms added at the median; ${added}`);
    return { rows, objectiveMs, reviews, meanMs, objectivesMet: added <= objectiveMs };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function create(client: Kubernetes, name: string, way: Way | undefined) {
  const spec = { serviceAccountName: "default", containers: [server] };
  const startMs = performance.now();
  const pod = await client.create(
    resources.pods,
    { namespace },
    { metadata: { name, ...(way ? { labels: way.labels } : {}) }, spec },
  );
  const tookMs = performance.now() - startMs;
  await client.remove(resources.pods, { namespace, name }, { body: { gracePeriodSeconds: 0 } });
  return { tookMs, injected: JSON.stringify(pod.spec).includes('"locum-sidecar"') };
}

async function measure(client: Kubernetes, pods: number): Promise<number[][]> {
  const times: number[][] = ways.map(() => []);
  for (let round = 0; round < pods + warmUp; round += 1)
    for (let turn = 0; turn < ways.length; turn += 1) {
      const at = (round + turn) % ways.length;
      const { tookMs, injected } = await create(client, `m-${round}-${at}`, ways[at]);
      if (injected !== at >= 2) throw new Error(`${ways[at]?.way}: injected is ${injected}`);
      if (round >= warmUp) times[at]?.push(tookMs);
    }
  return times;
}

function rowsOf(times: readonly number[][]) {
  const [bare = []] = times;
  return ways.map(({ way }, at) => {
    const own = times[at] ?? [];
    const [p50Ms, p99Ms] = [quantile(own, 0.5), quantile(own, 0.99)];
    return {
      way,
      count: own.length,
      p50Ms: round(p50Ms),
      p99Ms: round(p99Ms),
      addedP50Ms: round(p50Ms - quantile(bare, 0.5)),
      addedP99Ms: round(p99Ms - quantile(bare, 0.99)),
    };
  });
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** From the head of a request to its answer, by its own metrics; without the trial pods it is the same to the second digit. */
async function ownPart(probes: string): Promise<{ reviews: number; meanMs: number }> {
  const text = await (await fetch(`${probes}/metrics`)).text();
  const read = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  const reviews = read("locum_injector_review_duration_milliseconds_count");
  return { reviews, meanMs: round(read("locum_injector_review_duration_milliseconds_sum") / reviews) };
}

/** What the injector would answer about the pod of this bench. */
async function fixedPatch(client: Kubernetes): Promise<string> {
  const labels = { "locum.dev/inject": "enabled" };
  const seen = await client.create(
    resources.pods,
    { namespace },
    { metadata: { name: "seen" }, spec: { serviceAccountName: "default", containers: [server] } },
    { dryRun: true },
  );
  const patched = patchPod(
    { ...seen, metadata: { name: "seen", labels } },
    { config: injectConfig({ kubeletMin: "1.36" }) },
  );
  if (patched.kind === "declined") throw new Error(patched.detail);
  return Buffer.from(JSON.stringify(patched.patch)).toString("base64");
}

/** Webhooks that do next to nothing, for pods of its own: what the API server and a TLS connection cost by themselves. */
async function registerEmpty(client: Kubernetes): Promise<() => Promise<unknown>> {
  const program = new URL("./empty-webhook.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, await fixedPatch(client)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, caBundle } = JSON.parse(line) as { url: string; caBundle: string };
    const { webhooks } = webhookConfiguration({ url }) as { webhooks: object[] };
    const made = ["allow", "patch"].map((bench) => ({
      ...webhooks[0],
      name: `${bench}.locum.dev`,
      clientConfig: { url: `${url}/${bench}`, caBundle },
      objectSelector: { matchLabels: { bench } },
    }));
    await client.create(resources.mutatingWebhooks, {}, { metadata: { name: "bench" }, webhooks: made });
    return () => {
      child.kill();
      return ended;
    };
  }
  throw new Error("the empty webhook ended");
}
