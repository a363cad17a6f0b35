import type { BenchSummary, BenchTools } from "./bench.ts";
import { cpuOf } from "./path/cpu-of.ts";
import { grpcLoop } from "./path/grpc-loop.ts";
import { httpLoop } from "./path/http-loop.ts";
import type { LoadResult, Rate } from "./path/open-loop.ts";
import { openPrograms } from "./path/programs.ts";
import { sseLoop } from "./path/sse-loop.ts";
import { startWays, type Way } from "./path/ways.ts";
import { quantile } from "./quantile.ts";
import { table } from "./table.ts";

type Load = {
  name: string;
  perSecond: number;
  /** Most that the tap may add, at which quantiles of the latency, in ms. */
  objective: { quantiles: readonly number[]; addedMs: number } | null;
  send(way: Way, rate: Rate): Promise<LoadResult>;
};

const kib = 1024;
const rest = (name: string, bodyBytes: number, perSecond: number, addedMs: number): Load => ({
  name,
  perSecond,
  objective: { quantiles: [0.5], addedMs },
  send: ({ port }, options) => httpLoop({ port, bodyBytes, ...options }),
});
const grpc = (name: string, bodyBytes: number, perSecond: number, addedMs: number): Load => ({
  name,
  perSecond,
  objective: { quantiles: [0.5], addedMs },
  send: ({ grpcPort }, options) => grpcLoop({ port: grpcPort, bodyBytes, ...options }),
});

const sse = (name: string, perSecond: number, addedMs: number | null): Load => ({
  name,
  perSecond,
  objective: addedMs === null ? null : { quantiles: [0.5, 0.9], addedMs },
  send: ({ port }, options) => sseLoop({ port, ...options }),
});

const loads: readonly Load[] = [
  rest("REST JSON, 1 KB", kib, 1_000, 0.2),
  rest("REST JSON, 64 KB", 64 * kib, 1_000, 0.2),
  rest("REST binary, 600 KB", 600 * kib, 200, 0.6),
  grpc("gRPC, 1 KB", kib, 1_000, 0.3),
  grpc("gRPC, 64 KB", 64 * kib, 300, 0.4),
  grpc("gRPC, 600 KB", 600 * kib, 50, 0.6),
  // Streams of half a second: 200 at once, as a busy server has them, and 20, where every hop has to be woken first.
  sse("SSE, first token, 200 at once", 400, 1),
  sse("SSE, first token, 20 at once", 40, null),
];

export type Row = {
  load: string;
  way: string;
  p50Ms: number;
  p99Ms: number;
  /** Added to the direct way, in the median of the rounds' differences. */
  addedP50Ms: number;
  addedP90Ms: number;
  addedP99Ms: number;
  cpuUsPerRequest: number;
  requests: number;
  failed: number;
};

/** What each way to a model server costs, protocol by protocol: each way in turn, round after round. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const rounds = Number(flags.rounds ?? 5);
  const seconds = Number(flags.seconds ?? 2);
  const only = typeof flags.only === "string" ? flags.only.toLowerCase() : "";
  const programs = await openPrograms();
  try {
    const ways = await startWays(programs);
    for (const { way, config } of ways) {
      if (config !== "") print(`${way}:\n${config.replaceAll(/^/gm, "  ")}`);
      emit({ kind: "way", way, config });
    }
    const rows: Row[] = [];
    const missed: string[] = [];
    for (const load of loads.filter(({ name }) => name.toLowerCase().includes(only))) {
      const measured = await measure(load, ways, { rounds, seconds });
      for (const row of measured) emit({ kind: "row", ...row });
      rows.push(...measured);
      if (!isMet(load, measured)) missed.push(load.name);
      print(
        `\n${load.name}, ${load.perSecond}/s, ${rounds} rounds of ${seconds} s\n${render(load, measured)}`,
      );
    }
    print(`\n${lost(rows)}`);
    return { rows, missed, objectivesMet: missed.length === 0 };
  } finally {
    await programs.close();
  }
}

async function measure(
  load: Load,
  ways: readonly Way[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Row[]> {
  const kept = ways.map((way) => ({ way, rounds: [] as Round[] }));
  for (const way of ways) await load.send(way, { perSecond: load.perSecond / 2, seconds: 1 });
  for (let round = 0; round < rounds; round += 1) {
    let direct: number[] = [];
    for (const { way, rounds: done } of kept) {
      const cpuBefore = await cpuOf(way.pids);
      const { latenciesMs, failed } = await load.send(way, { perSecond: load.perSecond, seconds });
      const cpuUs = (await cpuOf(way.pids)) - cpuBefore;
      if (way.way === "direct") direct = latenciesMs;
      done.push({ latenciesMs, failed, cpuUs, direct });
    }
  }
  return kept.map(({ way, rounds: done }) => rowOf(load, way, done));
}

type Round = { latenciesMs: number[]; failed: number; cpuUs: number; direct: number[] };

function rowOf(load: Load, { way }: Way, rounds: readonly Round[]): Row {
  const median = (of: (round: Round) => number) => quantile(rounds.map(of), 0.5);
  const at = (q: number) => median(({ latenciesMs }) => quantile(latenciesMs, q));
  const added = (q: number) =>
    median(({ latenciesMs, direct }) => quantile(latenciesMs, q) - quantile(direct, q));
  return {
    load: load.name,
    way,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    addedP50Ms: added(0.5),
    addedP90Ms: added(0.9),
    addedP99Ms: added(0.99),
    cpuUsPerRequest: median(({ cpuUs, latenciesMs }) => cpuUs / Math.max(1, latenciesMs.length)),
    requests: rounds.reduce((sum, { latenciesMs, failed }) => sum + latenciesMs.length + failed, 0),
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
  };
}

function isMet({ objective }: Load, rows: readonly Row[]): boolean {
  const tap = rows.find(({ way }) => way === "tap");
  if (!tap || tap.failed > 0) return false;
  if (objective === null) return true;
  const added: Record<number, number> = { 0.5: tap.addedP50Ms, 0.9: tap.addedP90Ms };
  return objective.quantiles.every((q) => (added[q] ?? Number.NaN) <= objective.addedMs);
}

function render(load: Load, rows: readonly Row[]): string {
  const { objective } = load;
  const at = objective?.quantiles.map((q) => `p${q * 100}`).join(" and ");
  const said = objective && `added ${at} <= ${objective.addedMs}: ${isMet(load, rows) ? "met" : "MISSED"}`;
  return table(
    ["way", "p50 ms", "p99 ms", "added p50", "added p90", "added p99", "CPU us", "failed", "objective"],
    rows.map((row) => [
      row.way,
      ...[row.p50Ms, row.p99Ms, row.addedP50Ms, row.addedP90Ms, row.addedP99Ms].map((ms) => ms.toFixed(3)),
      row.cpuUsPerRequest.toFixed(0),
      row.failed,
      (row.way === "tap" && said) || "",
    ]),
  );
}

/** Where another way is better than the tap, said plainly. */
function lost(rows: readonly Row[]): string {
  const lines = rows.flatMap((row) => {
    const tap = rows.find(({ load, way }) => load === row.load && way === "tap");
    if (!tap || row.way === "tap" || row.way === "direct" || row.addedP50Ms >= tap.addedP50Ms) return [];
    return [
      `${row.load}: ${row.way} adds ${row.addedP50Ms.toFixed(3)} ms at p50, the tap ${tap.addedP50Ms.toFixed(3)}`,
    ];
  });
  return lines.length === 0 ? "Lost to nobody." : `Lost:\n  ${lines.join("\n  ")}`;
}
