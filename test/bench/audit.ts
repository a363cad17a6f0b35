import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditLog, noteKeyOf, openAuditLog, verifyLog } from "@locum/audit";
import { catchUp, openProjection, type Projection } from "@locum/audit/projection";
import { type AuditEvent, AuditKind, AuditSearch, canonicalJson } from "@locum/contracts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { quantile } from "./quantile.ts";
import { table } from "./table.ts";

const objectives = { perSecond: 15_000, appendMsP99: 20, ofBare: 0.6, verifyMs: 10_000, queryMsP99: 10 };
const dayMs = 86_400_000;
const startMs = Date.parse("2026-01-01T00:00:00.000Z");
const signer = { name: "locum/bench", privateKey: generateKeyPairSync("ed25519").privateKey };

/** Append beside bare flushes of the same bytes, then verify, project and ask, over one log. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const count = typeof flags.events === "number" ? flags.events : 1_000_000;
  const writers = typeof flags.writers === "number" ? flags.writers : 64;
  const dir = await mkdtemp(join(tmpdir(), "locum-bench-audit-"));
  try {
    const rows: (string | number)[][] = [];
    const row = (name: string, figures: Record<string, number>): void => {
      emit({ kind: "row", name, ...figures });
      for (const [figure, value] of Object.entries(figures)) rows.push([name, figure, round(value)]);
    };
    const log = await openAuditLog({ dir: join(dir, "audit"), signer });
    // Bare before and after, for the disk of a shared machine is never the same twice.
    const sample = Math.min(count, 100_000);
    const before = await bare(join(dir, "bare-1"), sample, writers);
    const append = await drive(
      count,
      writers,
      async (index) => void (await log.append([eventOf(index, count)])),
    );
    const after = await bare(join(dir, "bare-2"), sample, writers);
    const barePerSecond = (before.perSecond + after.perSecond) / 2;
    const ofBare = append.perSecond / barePerSecond;
    row("append", { ...append, barePerSecond, ofBare });

    const checkpointMs = await timed(async () => void (await log.tree?.checkpoint()));
    const key = noteKeyOf(signer, "log");
    const verifyMs = await timed(async () => {
      const verdict = await verifyLog({ dir: join(dir, "audit"), key });
      if (!verdict.ok || verdict.records !== count) throw new Error(JSON.stringify(verdict).slice(0, 1000));
    });
    row("verify", { events: count, checkpointMs, verifyMs });

    const asked = await ask(join(dir, "audit.db"), log, count, row);
    await log.close();
    const met = {
      append: append.perSecond >= objectives.perSecond && append.msP99 <= objectives.appendMsP99,
      ofBare: ofBare >= objectives.ofBare,
      verify: verifyMs <= (objectives.verifyMs * count) / 1_000_000,
      queries: asked <= objectives.queryMsP99,
    };
    print(table(["step", "figure", "value"], rows));
    print(
      `\nobjectives: ${Object.entries(met)
        .map(([name, isMet]) => `${name} ${isMet ? "met" : "missed"}`)
        .join(", ")}`,
    );
    return { events: count, writers, met, objectives, objectivesMet: Object.values(met).every(Boolean) };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Each writer waits for its event to be on disk and then writes the next. */
async function drive(count: number, writers: number, write: (index: number) => Promise<void>) {
  const times = new Float64Array(count);
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const startedMs = performance.now();
      await write(index);
      times[index] = performance.now() - startedMs;
    }
  };
  const ms = await timed(async () => void (await Promise.all(Array.from({ length: writers }, writer))));
  const sorted = [...times];
  return { perSecond: (count / ms) * 1000, msP50: quantile(sorted, 0.5), msP99: quantile(sorted, 0.99) };
}

/** The same bytes in the same groups with nothing done but to write and flush them. */
async function bare(path: string, count: number, writers: number) {
  const file = await open(path, "a");
  const line = Buffer.from(
    `${canonicalJson({ seq: count, event: eventOf(1, count), previous: "0".repeat(64), hash: "0".repeat(64) })}\n`,
  );
  let waiting: (() => void)[] = [];
  let running = false;
  const flush = async (): Promise<void> => {
    running = true;
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await file.writeFile(Buffer.concat(batch.map(() => line)));
      await file.datasync();
      for (const resolve of batch) resolve();
    }
    running = false;
  };
  const result = await drive(count, writers, () => {
    const written = new Promise<void>((resolve) => waiting.push(resolve));
    if (!running) void flush();
    return written;
  });
  await file.close();
  return result;
}

async function ask(
  file: string,
  log: AuditLog,
  count: number,
  row: (name: string, figures: Record<string, number>) => void,
): Promise<number> {
  const projection = openProjection(file);
  const ms = await timed(async () => void (await catchUp(projection, log)));
  row("project", { perSecond: (count / ms) * 1000, ms });
  const window = { op: "range", field: "at", gte: startMs, lt: startMs + 30 * dayMs } as const;
  const newest = [{ field: "seq", order: "desc" }] as const;
  const questions: Record<string, (turn: number) => object> = {
    "filter by kind and service": (turn) => ({
      filter: [
        { op: "term", field: "kind", value: AuditKind.options[turn % 20] },
        { op: "term", field: "service", value: `service-${turn % 4}` },
      ],
      sort: newest,
    }),
    "filter by instance and time": (turn) => ({
      filter: [
        { op: "term", field: "instance", value: `instance-${turn % 50}` },
        { op: "range", field: "at", gte: startMs + (turn % 30) * dayMs },
      ],
    }),
    "filter by incident": (turn) => ({ filter: [{ op: "term", field: "incident", value: `i-${turn * 7}` }] }),
    words: (turn) => ({ filter: [{ op: "text", words: `golden number${turn % 1000}` }], sort: newest }),
    "30 days by day and kind": () => ({
      filter: [window],
      limit: 0,
      aggregations: { days: { op: "histogram", intervalMs: dayMs, by: "kind" } },
    }),
    "30 days by hour of a service": (turn) => ({
      filter: [window, { op: "term", field: "service", value: `service-${turn % 4}` }],
      limit: 0,
      aggregations: { hours: { op: "histogram", intervalMs: 3_600_000 } },
    }),
  };
  const worst = Object.entries(questions).map(([name, question]) => {
    const msP99 = askOften(projection, question);
    row(name, msP99);
    return msP99.msP99;
  });
  projection.close();
  return Math.max(...worst);
}

function askOften(projection: Projection, question: (turn: number) => object) {
  const times = Array.from({ length: 300 }, (_, turn) => {
    const search = AuditSearch.parse(question(turn));
    const startedMs = performance.now();
    projection.search(search);
    return performance.now() - startedMs;
  });
  return { msP50: quantile(times, 0.5), msP99: quantile(times, 0.99) };
}

/** Thirty days of a fleet: four services, fifty instances. */
function eventOf(index: number, count: number): AuditEvent {
  return {
    kind: AuditKind.options[index % 20] ?? "verdict.change",
    at: new Date(startMs + Math.floor((index / count) * 30 * dayMs)).toISOString(),
    service: `service-${(index >> 3) % 4}`,
    instance: `instance-${index % 50}`,
    actor: `sidecar:instance-${index % 50}`,
    epoch: index % 7,
    incident: index % 10 === 0 ? `i-${index / 10}` : null,
    reason: `two goldens failed on golden number${index % 1000}: class 3 expected, 8 answered`,
    facts: { failed: index % 5, golden: `g${index % 1000}`, digest: "sha256:5e0c9b7f", ms: index % 977 },
  };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toFixed(2)));
