import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { type ServiceConfig, splitAddress } from "@locum/contracts";
import { type Stack, startStack } from "../stack/start-stack.ts";
import { passed, until } from "../stack/until.ts";
import { startWitness } from "../stack/witness.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { haproxyVersion } from "./haproxy.ts";
import { quantile } from "./quantile.ts";
import { type RenderedHaproxy, startRendered } from "./rendered-haproxy.ts";
import { table } from "./table.ts";

/** How HAProxy hears of it: asked by itself, or told. */
const ways = ["agent-check", "runtime"] as const;
type Way = (typeof ways)[number];
const objectives: Record<Way, { p50Ms: number }> = { "agent-check": { p50Ms: 100 }, runtime: { p50Ms: 3 } };

type Switchover = {
  way: Way;
  /**
   * From a sidecar's new word to HAProxy's own state saying so; of the two that change the later one. Seen from outside,
   * so at most: from the last question that still had the old word for an answer.
   */
  heardMs: number;
  /** From the order of a person to HAProxy's own state: proofs and disk included. */
  orderedMs: number;
};

/**
 * Planned switchovers between two instances behind a real HAProxy with the configuration of `locum haproxy render`,
 * under traffic of a client that knows nothing of them.
 */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const { runs = 40, rate = 200, only } = flags as { runs?: number; rate?: number; only?: string };
  const version = haproxyVersion();
  if (version === null) throw new Error("haproxy is not installed");
  const rows = [];
  for (const way of ways.filter((one) => only === undefined || one.startsWith(only))) {
    print(`starting model servers, collector, sidecars and HAProxy: ${way}`);
    const played = await playWay({ way, runs, rate, onOne: (one) => emit({ kind: "switchover", ...one }) });
    if (rows.length === 0) print(`\n${played.config}`);
    rows.push(summarise(way, played));
  }
  print(`\n${printed(rows)}\n
HAProxy ${version}, ${rate} requests a second, milliseconds. told: from a sidecar's new word to its reading it
back from HAProxy, by its own clock. heard: to HAProxy's own state, as another process sees both.`);
  return { haproxy: version, ratePerSecond: rate, rows, objectivesMet: rows.every(({ met }) => met) };
}

type Played = {
  switchovers: Switchover[];
  /** From a sidecar's new word to its own reading it back from HAProxy, by its clock. */
  toldMs: number[];
  requests: number;
  failed: number;
  wrong: number;
  config: string;
};

function summarise(way: Way, { switchovers, toldMs, requests, failed, wrong }: Played) {
  const at = (values: number[], q: number) => Math.round(quantile(values, q) * 10) / 10;
  const heard = switchovers.map(({ heardMs }) => heardMs);
  const told = { toldP50Ms: at(toldMs, 0.5), toldP99Ms: at(toldMs, 0.99) };
  const row = {
    way,
    switchovers: switchovers.length,
    heardP50Ms: at(heard, 0.5),
    heardP99Ms: at(heard, 0.99),
  };
  const orderedP50Ms = at(
    switchovers.map(({ orderedMs }) => orderedMs),
    0.5,
  );
  const figure = way === "runtime" ? told.toldP50Ms : row.heardP50Ms;
  const met = figure <= objectives[way].p50Ms && failed === 0 && wrong === 0;
  return { ...row, ...(way === "runtime" ? told : {}), orderedP50Ms, requests, failed, wrong, met };
}

function printed(rows: ReturnType<typeof summarise>[]): string {
  const head = ["HAProxy hears by", "switchovers", "told p50", "p99", "heard p50", "p99", "ordered p50"];
  return table(
    [...head, "requests", "failed", "wrong", "objective"],
    rows.map(({ toldP50Ms = null, toldP99Ms = null, ...row }) => [
      row.way,
      row.switchovers,
      toldP50Ms,
      toldP99Ms,
      row.heardP50Ms,
      row.heardP99Ms,
      row.orderedP50Ms,
      row.requests,
      row.failed,
      row.wrong,
      `${row.met ? "met" : "missed"}: at most ${objectives[row.way].p50Ms} ms, 0 failed`,
    ]),
  );
}

async function playWay({
  way,
  runs,
  rate,
  onOne,
}: {
  way: Way;
  runs: number;
  rate: number;
  onOne: (one: Switchover) => void;
}): Promise<Played> {
  const ports = await quietPorts(7);
  const port = ports[6] ?? 0;
  const socket = (dir: string) => join(dir, "haproxy.sock");
  const stack = await startStack({
    verbose: true,
    edit: (config) => withPorts(config, ports, way === "runtime" ? socket : null),
  });
  const closing: (() => unknown)[] = [stack.close];
  try {
    const { stdout } = await stack.locum.done("haproxy", "render", "--config", stack.config);
    const proxy = await startRendered({
      ...{ backend: stdout, name: "digits", port, socket: socket(stack.dir), dir: stack.dir },
    });
    closing.push(proxy.close);
    await stack.settled();
    const witness = startWitness({ url: proxy.url, references: stack.references.current, perSecond: rate });
    closing.push(() => witness.stop());
    const switchovers: Switchover[] = [];
    for (let run = 0; run < runs; run++) {
      const one = { way, ...(await switchOver(stack, proxy)) };
      switchovers.push(one);
      onOne(one);
      await stack.settled();
      // A random phase: what is asked in a rhythm must not be met in step with it.
      await passed(Math.random() * 250);
    }
    await witness.end();
    const answers = witness.answers();
    const count = (outcome: string) => answers.filter((one) => one.outcome === outcome).length;
    return {
      switchovers,
      toldMs: await toldIn(join(stack.dir, "up.log")),
      requests: answers.length,
      failed: count("failed"),
      wrong: count("wrong"),
      config: proxy.config,
    };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Every listener that HAProxy has to know gets a port before it starts. */
function withPorts(
  config: ServiceConfig,
  ports: number[],
  socket: ((dir: string) => string) | null,
): ServiceConfig {
  const at = (index: number) => `127.0.0.1:${ports[index] ?? 0}`;
  return {
    ...config,
    instances: config.instances.map((instance, index) => ({
      ...instance,
      sidecar: {
        ...instance.sidecar,
        tap: at(3 * index),
        control: at(3 * index + 1),
        agent: at(3 * index + 2),
      },
    })),
    // Beside the releases is the stack's own folder.
    traffic: { haproxy: socket ? [{ runtime: socket(join(config.releases, "..")) }] : [] },
  };
}

async function switchOver(stack: Stack, proxy: RenderedHaproxy): Promise<Omit<Switchover, "way">> {
  const target = await stack.holding("standby");
  const other = await stack.holding("active");
  const changes = [
    { id: target.id, word: (said: string) => said === full, weight: (weight: number) => weight === 100 },
    { id: other.id, word: (said: string) => said !== full, weight: (weight: number) => weight <= 1 },
  ];
  const heardAtMs = new Map<string, number>();
  const unwatch = proxy.watch((weights, atMs) => {
    for (const { id, weight } of changes)
      if (!heardAtMs.has(id) && weight(weights[id] ?? Number.NaN)) heardAtMs.set(id, atMs);
  });
  try {
    const orderedAtMs = performance.now();
    const ordered = stack.api.promote({ service: "digits", instance: target.id });
    const said = await Promise.all(changes.map(({ id, word }) => lastBefore(agentOf(stack, id), word, id)));
    await ordered;
    await until(() => heardAtMs.size === 2, { what: "HAProxy to hear of both", everyMs: 1 });
    const heard = changes.map(({ id }) => heardAtMs.get(id) ?? Number.NaN);
    return {
      heardMs: Math.max(0, ...heard.map((atMs, index) => atMs - (said[index] ?? Number.NaN))),
      orderedMs: Math.max(...heard) - orderedAtMs,
    };
  } finally {
    unwatch();
  }
}

/** When the last question was asked that still had the old word for an answer: the change came later. */
async function lastBefore(agent: string, isNew: (said: string) => boolean, id: string): Promise<number> {
  let lastAtMs = performance.now();
  const turned = async () => {
    const askedAtMs = performance.now();
    if (isNew(await askAgent(agent))) return true;
    lastAtMs = askedAtMs;
    return false;
  };
  await until(turned, { what: `another word of ${id}`, everyMs: 0 });
  return lastAtMs;
}

/** What the sidecars wrote about their lines to HAProxy. */
async function toldIn(file: string): Promise<number[]> {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line.includes('"told HAProxy"'));
  return lines.map((line) => (JSON.parse(line) as { durationMs: number }).durationMs);
}

const agentOf = ({ running }: Stack, id: string): string =>
  running.line.sidecars.find((one) => one.id === id)?.agent ?? "";
/** Free ports below those that the system gives to connections, which would be taken again before they are used. */
async function quietPorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    server.close();
    if (isFree) found.add(port);
  }
  return [...found];
}

const full = "up ready 100%";

function askAgent(address: string): Promise<string> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ host, port, noDelay: true });
    socket.on("data", (chunk) => (text += chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text.trim()));
  });
}
