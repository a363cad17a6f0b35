import type { KeyOpener } from "../crypto/key-opener.ts";
import type { Recipient } from "../crypto/recipient.ts";
import { tagBytes } from "../crypto/seal.ts";
import type { Entry } from "../pack/entries.ts";
import { addParity } from "./add-parity.ts";
import { type Copies, chooseCopies } from "./choose-copies.ts";
import { createReplacementCheck, deletePack } from "./delete-pack.ts";
import { markPath } from "./garbage-mark.ts";
import { type Lease, takeLease } from "./gc-lease.ts";
import { type Intent, listIntents } from "./intent.ts";
import { type JudgedPack, judgePack, type PackAct } from "./judge-pack.ts";
import { type LoadedIndex, loadIndex } from "./load-index.ts";
import { neededChunks } from "./needed-chunks.ts";
import { repack } from "./repack.ts";
import type { Repository } from "./repository.ts";

const dayMs = 24 * 3_600_000;

export type GarbageOptions = {
  /** Opens every manifest: the operator's key, or the escrow's. A sidecar has none and cannot collect. */
  opener: KeyOpener;
  /** Who collects, as it goes into the lease. */
  holder: string;
  /** For whom half empty packs are sealed anew; without it they stay as they are. */
  recipients?: readonly Recipient[];
  /** Between the announcement of a deletion and the deletion. */
  graceMs?: number;
  /** A pack with a smaller part of needed bytes is written anew. */
  repackBelow?: number;
  /** Old packs of so many bytes are written anew in one run; the rest waits for the next. */
  repackBytesMax?: number;
  /** Copies of damaged packs are for a person to look at; they go after so long, once no snapshot misses a chunk. */
  damagedMs?: number;
  /** Packs without parity of so many bytes get some in one run; the rest waits for the next. */
  parityBytesMax?: number;
};

export type GarbageReport = {
  deleted: string[];
  announced: string[];
  /** Announced before, and needed again. */
  rescued: string[];
  /** Half empty, what is needed of them written anew; announced too. */
  repacked: string[];
  bytesFreed: number;
  /** Packs that keep an announced one from its deletion: they hold what is needed of it, and are damaged. */
  damaged: string[];
  /** Packs that say nothing of themselves: never deleted, since nobody knows what is in them. */
  unreadable: string[];
  /** Needed chunks that are in no pack: the snapshots that lack them are for `check` to name. */
  missingChunks: number;
  /** Packs that had no parity, as their writer was stopped or left it out, and have it now. */
  parityMade: string[];
};

/**
 * Deletes packs that no manifest needs: announced in one run, deleted in a later one, a day after at the earliest. Runs
 * beside writers and readers; a stop at any point leaves only work for the next run.
 * @throws Fault conflict: another collects, or took over · snapshot-corrupt · not-authorised: a manifest cannot be read,
 *   so nothing was deleted · disk-full · storage-failed
 */
export async function collectGarbage(
  repository: Repository,
  options: GarbageOptions,
): Promise<GarbageReport> {
  const lease = await takeLease(repository, options.holder);
  try {
    return await sweep(repository, await lookAround(repository, options, lease), { ...options, lease });
  } finally {
    await lease.release().catch(() => {});
  }
}

type View = {
  loaded: LoadedIndex;
  copies: Copies;
  acts: Record<PackAct, string[]>;
  /** Drafts, and copies of damaged packs, that are past their time. */
  old: string[];
};

/**
 * The order is the proof: a writer that is not seen at work has put its manifest where the next line finds it, or begins
 * later, and then sees which packs are announced.
 */
async function lookAround(
  repository: Repository,
  { opener, graceMs = dayMs, repackBelow = 0.5, damagedMs = 30 * dayMs }: GarbageOptions,
  lease: Lease,
): Promise<View> {
  const intents = await liveIntents(repository, lease);
  const needed = await neededChunks(repository, { opener, beforeEach: lease.keep });
  const loaded = await loadIndex(repository, { for: "reader" });
  const copies = chooseCopies(needed, loaded);
  const acts: View["acts"] = { keep: [], announce: [], repack: [], rescue: [], delete: [] };
  const judgement = { intents, nowMs: lease.storageMs, graceMs, repackBelow };
  for (const pack of judgedPacks(loaded, copies)) acts[judgePack(pack, judgement)].push(pack.id);
  const old: string[] = [];
  for await (const { name, modifiedMs } of repository.store.list("tmp/"))
    if (lease.storageMs - modifiedMs >= graceMs) old.push(name);
  // While a chunk is missing, a part of it may be in there.
  if (copies.missing === 0)
    for await (const { name, modifiedMs } of repository.store.list("damaged/"))
      if (/^damaged\/[0-9a-f]{64}\.p[kr]$/.test(name) && lease.storageMs - modifiedMs >= damagedMs)
        old.push(name);
  return { loaded, copies, acts, old };
}

async function sweep(
  repository: Repository,
  { loaded, copies, acts, old }: View,
  {
    lease,
    recipients,
    opener,
    holder,
    repackBytesMax = 4 * 2 ** 30,
    parityBytesMax = repackBytesMax,
  }: GarbageOptions & { lease: Lease },
): Promise<GarbageReport> {
  const { store } = repository;
  for (const id of acts.rescue) await store.remove(markPath(id));
  const damagedKeepers = createReplacementCheck(repository, loaded, copies);
  const [deleted, damaged]: [string[], Set<string>] = [[], new Set()];
  for (const id of acts.delete) {
    const keepers = await damagedKeepers(id);
    for (const keeper of keepers) damaged.add(keeper);
    if (keepers.length > 0) continue;
    await lease.keep();
    await deletePack(repository, id);
    deleted.push(id);
  }
  for (const id of loaded.garbage.keys())
    if (!loaded.packs.has(id)) {
      await lease.keep();
      await deletePack(repository, id);
    }
  for (const name of old) await store.remove(name);

  const chosen = recipients ? upTo(repackBytesMax, acts.repack, loaded) : [];
  const input = { packs: chosen, kept: copies.kept, loaded, opener, holder, beforeEach: lease.keep };
  const repacked = recipients && chosen.length > 0 ? await repack(repository, { ...input, recipients }) : [];
  const announced = [...acts.announce, ...repacked];
  for (const id of announced) await store.create(markPath(id), []);
  const staying = acts.keep.filter((id) => !loaded.garbage.has(id));
  const bare = staying.filter((id) => !loaded.parities.has(id));
  const parityMade = await addParity(repository, upTo(parityBytesMax, bare, loaded), {
    loaded,
    beforeEach: lease.keep,
  });
  return {
    deleted,
    announced,
    repacked,
    rescued: acts.rescue,
    bytesFreed: deleted.reduce((sum, id) => sum + (loaded.packs.get(id)?.bytes ?? 0), 0),
    damaged: [...damaged],
    unreadable: loaded.unreadable.map(({ name }) => name),
    missingChunks: copies.missing,
    parityMade,
  };
}

/** Those that ran out are removed first: their writers find that out by it, whatever their clocks say. */
async function liveIntents(repository: Repository, lease: Lease): Promise<Intent[]> {
  const live: Intent[] = [];
  for (const intent of await listIntents(repository)) {
    if (intent.endsMs >= lease.storageMs) live.push(intent);
    else {
      await lease.keep();
      await repository.store.remove(intent.name);
    }
  }
  return live;
}

function* judgedPacks({ index, packs, garbage }: LoadedIndex, { kept }: Copies): Generator<JudgedPack> {
  for (const id of index.packs()) {
    const entries = index.entriesOf(id);
    const ordinals = kept.get(id) ?? new Set();
    const markedMs = garbage.get(id);
    yield {
      id,
      storedMs: packs.get(id)?.modifiedMs ?? Number.POSITIVE_INFINITY,
      ...(markedMs !== undefined && { markedMs }),
      bytes: sizeOf(entries),
      keptBytes: sizeOf(entries.filter((_, ordinal) => ordinals.has(ordinal))),
    };
  }
}

/** Tags included, so that no record weighs nothing. */
const sizeOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { length }) => sum + length + tagBytes, 0);

/** At least one, so that a small limit does not stop it for ever. */
function upTo(bytesMax: number, ids: readonly string[], { packs }: LoadedIndex): string[] {
  let bytes = 0;
  return ids.filter((id, at) => {
    bytes += packs.get(id)?.bytes ?? 0;
    return at === 0 || bytes <= bytesMax;
  });
}
