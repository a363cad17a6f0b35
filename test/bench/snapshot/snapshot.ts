import { existsSync, rmSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchSummary, BenchTools } from "../bench.ts";
import { bundleChild } from "./bundle-child.ts";
import { type DataSet, makeNoiseSets, makeTrainedSets } from "./data-sets.ts";
import { type LargeFigures, measureLarge } from "./measure-large.ts";
import { measureSet } from "./measure-set.ts";
import { measureSwaps } from "./measure-swaps.ts";
import { type Figures, judge, renderObjectives } from "./objectives.ts";
import {
  renderLarge,
  renderLosses,
  renderRatios,
  renderRows,
  renderSeries,
  renderSwaps,
  renderTools,
  renderTrained,
} from "./report.ts";
import { type Measurement, medianOf } from "./row.ts";
import { removeCaches, type Tool, toolsHere } from "./tools.ts";
import { fullPlan, quickPlan, type Trained } from "./trained/train-models.ts";
import { openTrainedModels } from "./trained/trained-models.ts";

type Prepared = { sets: DataSet[]; trained: Trained | null };

/** The same data through Locum and its peers, one after another in every round; medians of the rounds. */
export async function run(bench: BenchTools): Promise<BenchSummary> {
  const { flags, print, emit } = bench;
  const rounds = Number(flags.rounds ?? (flags.quick === true ? 1 : 5));
  const root = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "locum-bench-snapshot-"));
  // It lies in memory: whoever stops a bench gets it back.
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  try {
    const { sets, trained } = await setsOf(bench, root);
    const child = await bundleChild(root);
    const tools = (await toolsHere(child)).filter(({ name }) => matches(name, flags.tools));
    print(renderTools(tools));
    const measured = await measureAll({ tools, sets, rounds, root, withFirst: isOwnFolder(flags) });
    const rows = measured.map((found) => medianOf(found.map(({ row }) => row)));
    const details = measured.map((found) => medianOf(found.map(({ detail }) => detail)));
    for (const row of rows) emit({ kind: "row", ...row });
    for (const text of [
      renderRows(rows, rounds),
      renderSeries(details),
      renderRatios(rows),
      renderLosses(rows),
    ])
      print(text);
    await rm(join(root, "data"), { recursive: true, force: true });
    const alone = await measureAlone(bench, { child, root });
    const objectives = isOwnFolder(flags) ? [] : judge({ rows, details, ...alone });
    print(renderObjectives(objectives));
    const about = tools.map(({ name, version, configuration, skipped }) => ({
      tool: name,
      version,
      configuration,
      ...(skipped !== undefined && { skipped }),
    }));
    const objectivesMet = objectives.every(({ isMet }) => isMet);
    return { rows, details, rounds, tools: about, trained, ...alone, objectives, objectivesMet };
  } finally {
    await rm(root, { recursive: true, force: true });
    await removeCaches();
  }
}

/** What no other tool here does, or does in the same way. */
async function measureAlone(
  { flags, print }: BenchTools,
  { child, root }: { child: string; root: string },
): Promise<Pick<Figures, "large" | "swaps">> {
  const isQuick = flags.quick === true;
  const isWanted = (name: string): boolean => !isOwnFolder(flags) && matches(name, flags.only);
  let large: LargeFigures | null = null;
  if (isWanted("large")) {
    const megabytes = isQuick ? { small: 32, large: 128 } : { small: 100, large: 1000 };
    large = await measureLarge(child, { root, megabytes, rounds: isQuick ? 1 : 5 });
    print(renderLarge(large));
  }
  const sizes = isQuick
    ? [
        { megabytes: 50, rounds: 3 },
        { megabytes: 250, rounds: 3 },
      ]
    : [
        { megabytes: 50, rounds: 5 },
        { megabytes: 5000, rounds: 3 },
      ];
  const swaps = isWanted("swap") ? await measureSwaps(sizes, { root }) : [];
  print(renderSwaps(swaps));
  return { large, swaps };
}

const isOwnFolder = (flags: BenchTools["flags"]): boolean => typeof flags.dir === "string";

async function setsOf({ flags, print }: BenchTools, root: string): Promise<Prepared> {
  if (typeof flags.dir === "string") return { sets: [await ownSet(flags.dir, flags.changed)], trained: null };
  const isQuick = flags.quick === true;
  const isWanted = (name: string): boolean =>
    typeof flags.only === "string" ? matches(name, flags.only) : !isQuick || quickSets.has(name);
  const noise = (names: (name: string) => boolean, megabytes: number) =>
    makeNoiseSets(join(root, "data/noise"), { megabytes, isWanted: (name) => names(name) && isWanted(name) });
  const megabytes = Number(flags.mb ?? (isQuick ? 32 : 1000));
  const sets = [
    ...(await noise((name) => name === "bf16", megabytes)),
    ...(await noise((name) => name !== "bf16", Math.min(megabytes, smallMegabytes))),
  ];
  const trainedNames = ["bf16", "fp32", "fp16", "int8", "q4"].map((kind) => `trained ${kind}`);
  if (!trainedNames.some(isWanted)) return { sets, trained: null };
  print("training models, or taking those that an earlier run left ...");
  const models = await openTrainedModels(isQuick ? quickPlan : fullPlan);
  print(renderTrained(models, models.isCached));
  return {
    sets: [...sets, ...(await makeTrainedSets(join(root, "data/trained"), models, isWanted))],
    trained: models,
  };
}

/** Only dense bf16 has an objective of speed; sizes show as well in less. */
const smallMegabytes = 32;
const quickSets: ReadonlySet<string> = new Set(["bf16", "text", "trained bf16", "trained int8"]);

async function ownSet(dir: string, changed: unknown): Promise<DataSet> {
  const folder = await realpath(dir);
  if (typeof changed !== "string") return { name: "full", folder };
  return { name: "full", folder, later: [{ name: "changed", folder: await realpath(changed) }] };
}

const matches = (name: string, asked: unknown): boolean =>
  typeof asked !== "string" || asked.split(",").some((part) => name.includes(part));

/** For each tool and case what every round found. */
async function measureAll({
  tools,
  sets,
  rounds,
  root,
  withFirst,
}: {
  tools: readonly Tool[];
  sets: readonly DataSet[];
  rounds: number;
  root: string;
  withFirst: boolean;
}): Promise<Measurement[][]> {
  const found = new Map<string, Measurement[]>();
  for (let round = 0; round < rounds; round++)
    for (const set of sets)
      for (const tool of tools.filter(({ skipped }) => skipped === undefined))
        for (const one of await measureSet(tool, set, { work: join(root, `run-${round}`), withFirst })) {
          const key = `${one.row.case}\n${one.row.tool}`;
          found.set(key, [...(found.get(key) ?? []), one]);
        }
  return [...found.values()];
}
