import { Fault } from "@locum/contracts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { chunkRefs } from "../manifest/manifest-body.ts";
import { packPath } from "../pack/pack-path.ts";
import { readRecord } from "../pack/read-pack.ts";
import { listSnapshots, manifestPath } from "./list-snapshots.ts";
import { type LoadedIndex, loadIndex } from "./load-index.ts";
import { type Chunks, openChunks } from "./open-chunks.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { moveRef, type Ref, readRef } from "./refs.ts";
import type { Repository } from "./repository.ts";

/** Where the last proof is noted, for each model: `at` says how old it is. */
export const escrowChannel = "escrow-proven";

const triesMax = 20;

export type DrilledModel = {
  model: string;
  /** The newest one. */
  snapshot: string;
  /** Packs that it needs, and of how many of them one record was opened, decoded and compared with its id. */
  packs: number;
  packsTried: number;
  problems: { name: string; what: string }[];
};

export type KeyDrillOptions = {
  opener: KeyOpener;
  /** Only these; all of them else. */
  models?: readonly string[] | undefined;
  /** The part `at` of `of` of the packs: `of` drills in a row try every pack once. The manifest is opened each time. */
  slice?: { at: number; of: number } | undefined;
  onPack?: ((model: string) => void) | undefined;
  signal?: AbortSignal | undefined;
};

/**
 * Shows that a key opens the newest snapshot of each model: its manifest, and a record of every pack that it needs. Reads
 * about a mebibyte a pack, so it is no check of all bytes. Changes nothing.
 * @throws Fault storage-failed · upstream-unreachable: the storage does not answer, so nothing is known
 */
export async function drillKey(repository: Repository, options: KeyDrillOptions): Promise<DrilledModel[]> {
  const { opener, models } = options;
  const { snapshots } = await listSnapshots(repository);
  const newest = new Map(snapshots.map(({ id, stub }) => [stub.model, id]));
  const loaded = await loadIndex(repository, { for: "reader", repair: false });
  const chunks = openChunks({ repository, loaded, opener });
  const drilled: DrilledModel[] = [];
  for (const [model, snapshot] of newest)
    if (!models || models.includes(model))
      drilled.push(await drillModel(repository, { ...options, model, snapshot, loaded, chunks }));
  return drilled;
}

/**
 * Notes that the key was shown to open this snapshot, now. Again for the same snapshot: its time counts.
 * @throws as `moveRef`
 */
export async function noteProof(
  repository: Repository,
  { model, snapshot, by }: { model: string; snapshot: string; by: string },
): Promise<Ref> {
  const name = { model, channel: escrowChannel };
  for (let tries = 0; ; tries++) {
    const expected = (await readRef(repository, name))?.snapshot ?? null;
    try {
      return await moveRef(repository, name, { snapshot, by, expected });
    } catch (error) {
      if (!(error instanceof Fault && error.code === "conflict") || tries >= triesMax) throw error;
    }
  }
}

type Drill = KeyDrillOptions & {
  model: string;
  snapshot: string;
  loaded: LoadedIndex;
  chunks: Chunks;
};

async function drillModel(repository: Repository, drill: Drill): Promise<DrilledModel> {
  const { model, snapshot, opener, chunks, onPack, signal, slice = { at: 0, of: 1 } } = drill;
  const result: DrilledModel = { model, snapshot, packs: 0, packsTried: 0, problems: [] };
  const samples = await samplesOf(repository, { ...drill, opener }, result);
  result.packs = samples.size;
  for (const [pack, ordinal] of samples) {
    if (Number.parseInt(pack.slice(0, 8), 16) % slice.of !== slice.at) continue;
    signal?.throwIfAborted();
    try {
      const { hash } = repository;
      await readRecord(await chunks.pack(pack), ordinal, { hash, baseOf: (base) => chunks.read(base) });
      result.packsTried++;
      onPack?.(model);
    } catch (error) {
      result.problems.push({ name: packPath(pack), what: problemOrThrow(error) });
    }
  }
  return result;
}

/** Of each pack that is needed, one record that is. */
async function samplesOf(
  repository: Repository,
  { snapshot, opener, loaded: { index } }: Drill,
  { problems }: DrilledModel,
): Promise<Map<string, number>> {
  const samples = new Map<string, number>();
  const sample = (chunkId: Uint8Array): boolean => {
    const [copy] = index.find(chunkId);
    if (copy && !samples.has(copy.pack)) samples.set(copy.pack, copy.ordinal);
    return copy !== undefined && (copy.base === undefined || sample(copy.base));
  };
  try {
    const { body } = await readSnapshot(repository, snapshot, { opener });
    for (const entry of body.files)
      for (const { chunkId } of entry.kind === "file" ? chunkRefs(entry) : [])
        if (!sample(chunkId)) throw new Fault("snapshot-missing", `a chunk of ${entry.path} is in no pack`);
  } catch (error) {
    problems.push({ name: manifestPath(snapshot), what: problemOrThrow(error) });
  }
  return samples;
}

function problemOrThrow(error: unknown): string {
  if (
    error instanceof Fault &&
    ["not-authorised", "snapshot-corrupt", "snapshot-missing"].includes(error.code)
  )
    return error.message;
  throw error;
}
