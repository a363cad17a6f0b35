import { type Stack, startStack } from "../stack/start-stack.ts";
import { passed } from "../stack/until.ts";
import { startWitness, type Witness } from "../stack/witness.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { table } from "./table.ts";
import { startWatch, type Watched } from "./watch-isolations.ts";

type Blow = { name: string; strike(rig: Rig): Promise<void> };
type Rig = { stack: Stack; witness: Witness };

const spikeRequests = 1280;
const pauseMs = 2500;
const slowMs = 70_000;
/** Longer than the slow request, for its answer has to come. */
const patienceMs = 120_000;
const calmMs = 4000;

const pauseOf = (name: string, pick: (stack: Stack) => (number | undefined)[]): Blow => ({
  name,
  async strike({ stack }) {
    const pids = pick(stack).filter((pid) => pid !== undefined);
    if (pids.length !== pick(stack).length) throw new Error(`not every process was found: ${name}`);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    try {
      await passed(pauseMs);
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
  },
});

const blows: readonly Blow[] = [
  {
    name: "1280 requests at once",
    async strike({ witness }) {
      for (let i = 0; i < spikeRequests; i++) witness.sendOne();
    },
  },
  pauseOf("2.5 s pause of sidecar a", ({ pidOf }) => [pidOf({ sidecar: "a" })]),
  pauseOf("2.5 s pause of sidecar b", ({ pidOf }) => [pidOf({ sidecar: "b" })]),
  pauseOf("2.5 s pause of the collector", ({ pidOf }) => [pidOf("collector")]),
  pauseOf("2.5 s pause of all three", ({ pidOf }) => [
    pidOf({ sidecar: "a" }),
    pidOf({ sidecar: "b" }),
    pidOf("collector"),
  ]),
];

/** Everything is busy, slow or asleep, and nothing is broken: who is isolated now is isolated wrongly. */
export async function run(tools: BenchTools): Promise<BenchSummary> {
  const { minutes = 1, rate = 50 } = tools.flags as { minutes?: number; rate?: number };
  tools.print("starting model servers, collector, sidecars and front");
  const stack = await startStack();
  try {
    await stack.settled();
    const watch = await startWatch(stack);
    const witness = startWitness({
      url: stack.service,
      references: stack.references.current,
      perSecond: rate,
      requestMs: patienceMs,
    });
    const struck = await strikeFor(minutes * 60_000, { stack, witness }, tools);
    await witness.end();
    await passed(calmMs);
    return summarise({ minutes, rate, struck, witness, watched: await watch.stop(), tools });
  } finally {
    await stack.close();
  }
}

async function strikeFor(forMs: number, rig: Rig, { print }: BenchTools): Promise<Record<string, number>> {
  const struck: Record<string, number> = {};
  const count = (name: string) => {
    struck[name] = (struck[name] ?? 0) + 1;
    print(`  ${name}`);
  };
  const endMs = performance.now() + forMs;
  let slowFromMs = Number.NEGATIVE_INFINITY;
  for (let turn = 0; performance.now() < endMs; turn++) {
    if (performance.now() - slowFromMs > slowMs + calmMs) {
      slowFromMs = performance.now();
      const [target] = rig.stack.models;
      await target?.post("/faults", { kind: "slow", ms: slowMs, count: 1 });
      count("one request of 70 s");
    }
    const blow = blows[turn % blows.length];
    if (!blow) break;
    count(blow.name);
    await blow.strike(rig);
    await passed(calmMs);
  }
  return struck;
}

type Told = {
  minutes: number;
  rate: number;
  struck: Record<string, number>;
  witness: Witness;
  watched: Watched;
  tools: BenchTools;
};

function summarise({ minutes, rate, struck, witness, watched, tools }: Told): BenchSummary {
  const answers = witness.answers();
  const bad = answers.filter(({ outcome }) => outcome !== "right");
  const failed = bad.filter(({ outcome }) => outcome === "failed").length;
  const wrong = bad.length - failed;
  const slowestMs = Math.round(
    answers.reduce((most, { sentMs, endMs }) => Math.max(most, endMs - sentMs), 0),
  );
  const isolations = watched.events.length + watched.sightings.length;
  for (const event of watched.events) tools.emit({ kind: "isolation", ...event });
  for (const sighting of watched.sightings) tools.emit({ kind: "isolation", ...sighting });
  const details = [...new Set(bad.map(({ detail }) => detail))].slice(0, 10);
  tools.print(
    `\n${table(
      ["figure", "measured", "objective"],
      [
        ["isolations (diverts, promotions, incidents)", String(isolations), "0"],
        ["failed requests", String(failed), "0"],
        ["wrong answers", String(wrong), "0"],
        ["answers", String(answers.length), ""],
        ["slowest answer", `${slowestMs} ms`, ""],
      ],
    )}`,
  );
  for (const event of watched.events) tools.print(`  ${event.event} ${event.instance}: ${event.reason}`);
  for (const detail of details) tools.print(`  ${detail}`);
  const objectivesMet = isolations === 0 && bad.length === 0;
  const figures = { isolations, failed, wrong, answers: answers.length, slowestMs };
  return { minutes, ratePerSecond: rate, struck, ...figures, details, events: watched.events, objectivesMet };
}
