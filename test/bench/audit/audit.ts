import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noteKeyOf, openAuditLog, verifyLog } from "@locum/audit";
import type { BenchSummary, BenchTools } from "../bench.ts";
import { table } from "../table.ts";
import { benchAppend } from "./append.ts";
import { benchQuestions } from "./ask.ts";
import { benchDrain } from "./drain.ts";
import { benchPeers } from "./peers.ts";
import { benchShip } from "./ship.ts";
import { timed } from "./timed.ts";

const objectives = {
  perSecond: 15_000,
  appendMsP99: 20,
  ofBare: 0.6,
  verifyMs: 10_000,
  queryMsP99: 10,
  drainPerSecond: 40_000,
  unaccounted: 0,
};
const signer = { name: "locum/audit/bench", privateKey: generateKeyPairSync("ed25519").privateKey };
const steps = ["append", "ship", "drain", "peers"] as const;

/** Append beside bare flushes, verify, project and ask; then ship under faults and kills, drain, and the peers. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const number = (name: string, fallback: number): number =>
    typeof flags[name] === "number" ? flags[name] : fallback;
  const only = typeof flags.only === "string" ? flags.only.split(",") : steps;
  const events = number("events", 1_000_000);
  const met: Record<string, boolean> = {};
  const dir = await mkdtemp(join(tmpdir(), "locum-bench-audit-"));
  const rows: (string | number)[][] = [];
  const row = (name: string, figures: Record<string, number | string>): void => {
    emit({ kind: "row", name, ...figures });
    for (const [figure, value] of Object.entries(figures))
      rows.push([name, figure, typeof value === "number" ? round(value) : value]);
  };
  try {
    if (only.includes("append"))
      Object.assign(met, await ofTheLog({ dir, count: events, writers: number("writers", 64), row }));
    if (only.includes("ship")) {
      const shipped = await benchShip({ dir, count: events, killMs: number("kill-ms", 10_000) });
      row("ship, under faults", shipped);
      met.ship = shipped.lost + shipped.doubled + shipped.unaccounted === objectives.unaccounted;
    }
    if (only.includes("drain")) {
      const drained = await benchDrain({ dir, count: Math.min(events, 400_000) });
      row("drain to a stub", drained);
      met.drain = drained.perSecond >= objectives.drainPerSecond;
    }
    if (only.includes("peers"))
      for (const { name, ...figures } of await benchPeers({
        dir,
        count: number("peer-events", 100_000),
        killMs: number("kill-ms", 10_000),
      }))
        row(name, figures);
    print(table(["step", "figure", "value"], rows));
    const said = Object.entries(met).map(([name, isMet]) => `${name} ${isMet ? "met" : "missed"}`);
    print(`\nobjectives: ${said.join(", ")}`);
    return { events, met, objectives, objectivesMet: Object.values(met).every(Boolean) };
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function ofTheLog({
  dir,
  count,
  writers,
  row,
}: {
  dir: string;
  count: number;
  writers: number;
  row: (name: string, figures: Record<string, number>) => void;
}): Promise<Record<string, boolean>> {
  const log = await openAuditLog({ dir: join(dir, "audit"), signer });
  const append = await benchAppend(log, { dir, count, writers });
  row("append", append);
  const checkpointMs = await timed(async () => void (await log.tree?.checkpoint()));
  const key = noteKeyOf(signer, "log");
  const verifyMs = await timed(async () => {
    const verdict = await verifyLog({ dir: join(dir, "audit"), key });
    if (!verdict.ok || verdict.records !== count) throw new Error(JSON.stringify(verdict).slice(0, 1000));
  });
  row("verify", { events: count, checkpointMs, verifyMs });
  const asked = await benchQuestions(join(dir, "audit.db"), log, count, row);
  await log.close();
  return {
    append: append.perSecond >= objectives.perSecond && append.msP99 <= objectives.appendMsP99,
    ofBare: append.ofBare >= objectives.ofBare,
    verify: verifyMs <= (objectives.verifyMs * count) / 1_000_000,
    queries: asked <= objectives.queryMsP99,
  };
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toFixed(2)));
