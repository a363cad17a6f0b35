import { Fault } from "@locum/contracts";
import { codecId } from "../codec/codec-id.ts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { chunkRefs } from "../manifest/manifest-body.ts";
import { isPackIntact } from "../pack/is-pack-intact.ts";
import { packPath } from "../pack/pack-path.ts";
import { readRecord } from "../pack/read-pack.ts";
import { isParityWhole } from "../parity/is-parity-whole.ts";
import { parityChoice } from "../parity/parity-block.ts";
import { blobSource } from "../store/blob-store.ts";
import { listSnapshots, manifestPath } from "./list-snapshots.ts";
import { type LoadedIndex, loadIndex } from "./load-index.ts";
import { type Chunks, openChunks } from "./open-chunks.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { listRefs } from "./refs.ts";
import type { Repository } from "./repository.ts";

export type DamagedFile = { name: string; what: string };

export type CheckReport = {
  damage: DamagedFile[];
  /** Snapshots that cannot be restored whole; only with a private key. */
  lost: string[];
  /** What was looked at, of what there is: a check that read half says so. */
  coverage: {
    packs: number;
    packsRead: number;
    /** Whole, but nothing lies beside them to repair them: a heal or a collection of garbage makes it. */
    packsWithoutParity: number;
    bytesRead: number;
    records: number;
    /** Opened, decoded and compared with their ids; 0 without a private key. */
    recordsDecoded: number;
    snapshots: number;
    snapshotsOpened: number;
  };
};

export type CheckOptions = {
  /** With it records are decoded and manifests opened; without, packs are compared with their names only. */
  opener?: KeyOpener;
  /** The part `at` of `of` of the packs, by their names: `of` runs in a row read every pack once. */
  slice?: { at: number; of: number };
};

/**
 * Looks at everything that is stored and names each damaged file. Changes nothing, not even the index.
 * @throws Fault storage-failed · upstream-unreachable: the storage does not answer, so nothing is known
 */
export async function checkRepository(
  repository: Repository,
  { opener, slice = { at: 0, of: 1 } }: CheckOptions = {},
): Promise<CheckReport> {
  const listed = await listSnapshots(repository);
  const loaded = await loadIndex(repository, { for: "reader", repair: false });
  const faults = [...listed.damaged, ...loaded.damaged, ...loaded.unreadable];
  const damage: DamagedFile[] = faults.map(({ name, fault }) => ({ name, what: fault.message }));
  const known = new Set(listed.snapshots.map(({ id }) => id));
  damage.push(...(await checkRefs(repository, known)));
  const chunks = opener && openChunks({ repository, loaded, opener });
  const packs = await checkPacks({ repository, loaded, chunks, slice });
  damage.push(...packs.damage);
  const report: CheckReport = {
    damage,
    lost: [],
    coverage: {
      ...packs.coverage,
      snapshots: listed.snapshots.length + listed.damaged.length,
      snapshotsOpened: 0,
    },
  };
  if (opener)
    for (const id of known) {
      const problems = await checkSnapshot(repository, { id, opener, loaded, bad: packs.bad });
      if (problems.isOpened) report.coverage.snapshotsOpened++;
      if (problems.what === undefined) continue;
      report.lost.push(id);
      damage.push({ name: manifestPath(id), what: problems.what });
    }
  return report;
}

async function checkRefs(repository: Repository, snapshots: ReadonlySet<string>): Promise<DamagedFile[]> {
  try {
    const refs = await listRefs(repository);
    return refs.flatMap(({ model, channel, snapshot }) =>
      snapshot && !snapshots.has(snapshot)
        ? [{ name: `refs/${model}/${channel}`, what: `points to ${snapshot}, which is not there` }]
        : [],
    );
  } catch (error) {
    return [{ name: "refs", what: corruptOrThrow(error) }];
  }
}

type PackCheck = {
  repository: Repository;
  loaded: LoadedIndex;
  chunks: Chunks | undefined;
  slice: { at: number; of: number };
};

async function checkPacks({ repository: { store, hash, config }, loaded, chunks, slice }: PackCheck) {
  const isBare = (id: string) => parityChoice(config.parity) !== undefined && !loaded.parities.has(id);
  const damage: DamagedFile[] = [];
  /** Records that did not read, as `pack ordinal`; of a pack that does not open, all. */
  const bad = new Set<string>();
  const coverage = {
    packs: loaded.packs.size,
    packsRead: 0,
    packsWithoutParity: [...loaded.packs.keys()].filter((id) => isBare(id)).length,
    bytesRead: 0,
    records: 0,
    recordsDecoded: 0,
  };
  for (const [id, blob] of loaded.packs) {
    const entries = loaded.index.entriesOf(id);
    coverage.records += entries.length;
    if (Number.parseInt(id.slice(0, 8), 16) % slice.of !== slice.at) continue;
    try {
      if (!(await isPackIntact(blobSource(store, blob), id, hash)))
        damage.push({ name: packPath(id), what: "its bytes are not those that its name says" });
      const beside = loaded.parities.get(id);
      if (beside && !(await isParityWhole(blobSource(store, beside), id, hash).catch(falseIfCorrupt)))
        damage.push({ name: beside.name, what: "it is no longer the parity of its pack" });
      coverage.packsRead++;
      coverage.bytesRead += blob.bytes;
      for (const { ordinal, what } of chunks
        ? await decodeAll(chunks, { id, count: entries.length, hash })
        : []) {
        if (what === undefined) coverage.recordsDecoded++;
        else {
          bad.add(`${id} ${ordinal}`);
          damage.push({ name: packPath(id), what: `record ${ordinal}: ${what}` });
        }
      }
    } catch (error) {
      damage.push({ name: packPath(id), what: corruptOrThrow(error) });
    }
  }
  return { damage, bad, coverage };
}

/** What is wrong with each record, if anything; none of a pack that this key does not open. */
async function decodeAll(
  chunks: Chunks,
  { id, count, hash }: { id: string; count: number; hash: Repository["hash"] },
): Promise<{ ordinal: number; what?: string }[]> {
  const results: { ordinal: number; what?: string }[] = [];
  for (let ordinal = 0; ordinal < count; ordinal++)
    try {
      await readRecord(await chunks.pack(id), ordinal, { hash, baseOf: (base) => chunks.read(base) });
      results.push({ ordinal });
    } catch (error) {
      if (error instanceof Fault && error.code === "not-authorised") return [];
      results.push({ ordinal, what: corruptOrThrow(error) });
    }
  return results;
}

/** Whether each of its chunks has a copy that is there and was not found bad. */
async function checkSnapshot(
  repository: Repository,
  {
    id,
    opener,
    loaded: { index },
    bad,
  }: { id: string; opener: KeyOpener; loaded: LoadedIndex; bad: ReadonlySet<string> },
): Promise<{ isOpened: boolean; what?: string }> {
  const isGood = (chunkId: Uint8Array, mayBeDelta: boolean): boolean =>
    index
      .find(chunkId)
      .some(
        ({ pack, ordinal, codec, base }) =>
          !bad.has(`${pack} ${ordinal}`) &&
          (codec !== codecId.delta || (mayBeDelta && base !== undefined && isGood(base, false))),
      );
  try {
    const { body } = await readSnapshot(repository, id, { opener });
    let [missing, first] = [0, ""];
    for (const entry of body.files)
      if (entry.kind === "file")
        for (const { chunkId } of chunkRefs(entry))
          if (!isGood(chunkId, true)) {
            missing++;
            first ||= entry.path;
          }
    if (missing === 0) return { isOpened: true };
    return { isOpened: true, what: `${missing} chunks have no good copy, the first of ${first}` };
  } catch (error) {
    // Forgotten meanwhile, or not for this key: the coverage says that it was not opened.
    if (error instanceof Fault && ["snapshot-missing", "not-authorised"].includes(error.code))
      return { isOpened: false };
    return { isOpened: false, what: corruptOrThrow(error) };
  }
}

function falseIfCorrupt(error: unknown): false {
  corruptOrThrow(error);
  return false;
}

/** What the file is at fault for; a storage that fails is not the file's fault. */
function corruptOrThrow(error: unknown): string {
  if (error instanceof Fault && ["snapshot-corrupt", "snapshot-missing"].includes(error.code))
    return error.message;
  throw error;
}
