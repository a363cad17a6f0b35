import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchSummary, BenchTools } from "../bench.ts";
import { quantile } from "../quantile.ts";
import { table } from "../table.ts";
import { bundleChild } from "./bundle-child.ts";
import { type DataSet, makeDataSets } from "./data-sets.ts";
import { assertSameTrees, bytesIn } from "./same-trees.ts";
import { type Ran, removeCaches, type Tool, toolsHere } from "./tools.ts";

/** On a memory file system and two cores, of dense bf16; a smaller set has more of start and end in it. */
const objectives = {
  storedRatio: 0.665,
  backupMBps: 550,
  restoreMBps: 1000,
  peakMemoryMB: 256,
  loopMsP99: 20,
};

export type Row = {
  tool: string;
  case: string;
  /** What the repository grew by, of the bytes of what was backed up. For a first version the same. */
  storedRatio: number;
  addedRatio: number;
  backupMBps: number;
  restoreMBps: number;
  /** Backup and restore together. */
  cpuSeconds: number;
  peakMemoryMB: number;
  loopMsP99: number | null;
};

/** The same data through Locum, restic, borg and rsync, one after another in every round; medians of the rounds. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const rounds = Number(flags.rounds ?? 3);
  const root = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "locum-bench-snapshot-"));
  try {
    const sets = await setsOf(flags, root);
    const tools = (await toolsHere(await bundleChild(root))).filter(({ name }) => matches(name, flags.tools));
    for (const { name, skipped } of tools) if (skipped) print(`${name} is left out: ${skipped}`);
    const present = tools.filter(({ skipped }) => !skipped);
    const found = new Map<string, Row[]>();
    for (let round = 0; round < rounds; round++)
      for (const set of sets)
        for (const tool of present)
          for (const row of await rowsOf(tool, set, { root, round })) {
            const key = `${row.case}\n${row.tool}`;
            found.set(key, [...(found.get(key) ?? []), row]);
          }
    const rows = [...found.values()].map(medianRow);
    for (const row of rows) emit({ kind: "row", ...row });
    print(render(rows, rounds));
    const met = metBy(rows);
    const skipped = tools.flatMap(({ name, skipped }) => (skipped ? [{ tool: name, skipped }] : []));
    print(
      `\n${Object.entries(met)
        .map(([name, isMet]) => `${name} ${isMet ? "met" : "missed"}`)
        .join(", ")}`,
    );
    print(losses(rows));
    return { rows, rounds, skipped, objectives, met, objectivesMet: Object.values(met).every(Boolean) };
  } finally {
    await rm(root, { recursive: true });
    await removeCaches();
  }
}

async function setsOf(flags: BenchTools["flags"], root: string): Promise<DataSet[]> {
  if (typeof flags.dir === "string") {
    const [folder, changed] = await Promise.all(
      [flags.dir, flags.changed].map((dir) => (typeof dir === "string" ? realpath(dir) : undefined)),
    );
    return [
      {
        name: "full",
        folder: folder ?? "",
        ...(changed !== undefined && { changed: [{ name: "changed", folder: changed }] }),
      },
    ];
  }
  const isWanted = (name: string): boolean => matches(name, flags.only);
  return makeDataSets(join(root, "data"), { megabytes: Number(flags.mb ?? 32), isWanted });
}

const matches = (name: string, asked: unknown): boolean =>
  typeof asked !== "string" || asked.split(",").some((part) => name.includes(part));

/** A full backup and its restore; then each later version into a repository that has the first. */
async function rowsOf(
  tool: Tool,
  set: DataSet,
  { root, round }: { root: string; round: number },
): Promise<Row[]> {
  const rows: Row[] = [];
  const full = { case: set.name, folder: set.folder };
  // Differences are of a version; a first one has none.
  if (!tool.name.includes("differences")) rows.push(await rowOf(tool, full, { root, round }));
  for (const { name, folder } of set.changed ?? [])
    rows.push(await rowOf(tool, { case: name, folder, older: set.folder }, { root, round }));
  return rows;
}

async function rowOf(
  tool: Tool,
  { folder, older, ...about }: { case: string; folder: string; older?: string },
  { root, round }: { root: string; round: number },
): Promise<Row> {
  const work = join(root, `run-${round}`);
  const [repository, target] = [join(work, "repository"), join(work, "target")];
  await mkdir(target, { recursive: true });
  try {
    await tool.prepare(repository);
    if (older !== undefined) await tool.backup(repository, older);
    const before = existsSync(repository) ? await bytesIn(repository) : 0;
    const backup = await tool.backup(repository, folder, older);
    const after = await bytesIn(repository);
    const { restored, ...restore } = await tool.restore(repository, target, folder);
    await assertSameTrees(folder, restored);
    const bytes = await bytesIn(folder);
    const rate = ({ seconds }: Ran) => bytes / 1e6 / seconds;
    return {
      tool: tool.name,
      ...about,
      storedRatio: after / bytes,
      addedRatio: (after - before) / bytes,
      backupMBps: rate(backup),
      restoreMBps: rate(restore),
      cpuSeconds: backup.cpuSeconds + restore.cpuSeconds,
      peakMemoryMB: Math.max(backup.peakMemoryMB, restore.peakMemoryMB),
      loopMsP99: backup.loopMs?.p99 ?? null,
    };
  } finally {
    await rm(work, { recursive: true });
  }
}

function medianRow(rows: readonly Row[]): Row {
  const [first] = rows;
  if (!first) throw new Error("a case without a round");
  const numbers = Object.keys(first).filter((key) => typeof first[key as keyof Row] === "number");
  const medians = numbers.map((key) => [
    key,
    round3(
      quantile(
        rows.map((row) => Number(row[key as keyof Row])),
        0.5,
      ),
    ),
  ]);
  return { ...first, ...Object.fromEntries(medians) };
}

const round3 = (value: number): number => (value >= 10 ? Math.round(value) : Number(value.toFixed(3)));

function metBy(rows: readonly Row[]): Record<string, boolean> {
  const dense = rows.find(({ tool, case: name }) => tool === "locum" && (name === "bf16" || name === "full"));
  if (!dense) return {};
  return {
    ...(dense.case === "bf16" && { storedRatio: dense.storedRatio <= objectives.storedRatio }),
    backupMBps: dense.backupMBps >= objectives.backupMBps,
    restoreMBps: dense.restoreMBps >= objectives.restoreMBps,
    peakMemoryMB: dense.peakMemoryMB <= objectives.peakMemoryMB,
    loopMsP99: (dense.loopMsP99 ?? 0) <= objectives.loopMsP99,
  };
}

function render(rows: readonly Row[], rounds: number): string {
  const cells = rows
    .toSorted((a, b) => (a.case === b.case ? 0 : a.case < b.case ? -1 : 1))
    .map((row) => [
      row.case,
      row.tool,
      `${(100 * row.storedRatio).toFixed(1)} %`,
      `${(100 * row.addedRatio).toFixed(1)} %`,
      row.backupMBps,
      row.restoreMBps,
      row.cpuSeconds,
      row.peakMemoryMB,
      row.loopMsP99,
    ]);
  const head = [
    "case",
    "tool",
    "stored",
    "added",
    "backup MB/s",
    "restore MB/s",
    "CPU s",
    "peak MB",
    "loop p99 ms",
  ];
  return `${table(head, cells)}\nmedians of ${rounds} rounds; every restore was compared with its source; rates of Locum without the start of its process, of the others with it; rsync encrypts and verifies nothing`;
}

/** What another tool is better at: said, not left to be found. */
function losses(rows: readonly Row[]): string {
  const lines: string[] = [];
  for (const own of rows.filter(({ tool }) => tool === "locum"))
    for (const other of rows.filter(
      ({ case: name, tool }) => name === own.case && !tool.startsWith("locum"),
    )) {
      const better = [
        ...(other.addedRatio < own.addedRatio ? ["stores less"] : []),
        ...(other.backupMBps > own.backupMBps ? ["backs up faster"] : []),
        ...(other.restoreMBps > own.restoreMBps ? ["restores faster"] : []),
        ...(other.cpuSeconds < own.cpuSeconds ? ["takes less CPU"] : []),
        ...(other.peakMemoryMB < own.peakMemoryMB ? ["takes less memory"] : []),
      ];
      if (better.length > 0) lines.push(`${own.case}: ${other.tool} ${better.join(", ")}`);
    }
  return lines.length > 0 ? `\nlosses\n${lines.join("\n")}` : "";
}
