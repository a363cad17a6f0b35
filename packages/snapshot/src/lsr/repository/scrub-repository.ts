import { Fault } from "@locum/contracts";
import type { Pace } from "../../pace.ts";
import type { ByteSource } from "../byte-source.ts";
import { isPackIntact } from "../pack/is-pack-intact.ts";
import { isParityWhole } from "../parity/is-parity-whole.ts";
import { parityChoice } from "../parity/parity-block.ts";
import { unfinishedHeals } from "../parity/publish-repaired.ts";
import { type Blob, blobSource } from "../store/blob-store.ts";
import { type HealedPack, type HealOptions, healPacks } from "./heal-packs.ts";
import { type LoadedIndex, loadIndex } from "./load-index.ts";
import type { Repository } from "./repository.ts";
import {
  advanced,
  idNumberOf,
  idNumbers,
  noteCoverage,
  readCoverage,
  type ScrubCoverage,
} from "./scrub-coverage.ts";

export type ScrubOptions = HealOptions & {
  /**
   * Which part of the packs, by their ids: the caller's own count, who runs each of `of` in turn. Without it the
   * repository remembers how far everybody came, and a part of that size is read from there.
   */
  slice?: { at: number; of: number };
  /** Without `slice`: so many runs in a row read every pack. An hourly one of 168 takes a week. */
  of?: number;
  /** As `createPace` gives it. */
  pace?: Pace;
  /** Ends the run before its next read: it reports what it did, and the next one goes on there. */
  signal?: AbortSignal;
};

export type ScrubReport = {
  /** Read from their first byte to the last, without a key, and compared with their names; their parity with its own. */
  packs: number;
  bytes: number;
  /**
   * What was damaged, or had no parity, or was left by a heal that was stopped, and what came of it: `intact` with
   * parity made again, `repaired`, `replaced` with chunks that are `lost` or `held`, or `failed`.
   */
  healed: HealedPack[];
  /** Damaged and not healed yet: another held the lease, or the run was stopped. They are not counted as read. */
  postponed: string[];
  isAborted: boolean;
  /** What the repository remembers now; undefined where the caller said which slice. */
  coverage: ScrubCoverage | undefined;
};

/**
 * Reads a part of all packs, heals what is damaged (parity first, then what is left of it, other packs and the sources)
 * and says what it could not. Needs no key to find damage, nor to heal by parity. Runs beside writers and readers;
 * deletes nothing but what it has made whole elsewhere.
 * @throws Fault storage-failed · upstream-unreachable: the storage does not list or answer; how far it came is noted
 */
export async function scrubRepository(
  repository: Repository,
  { slice, of = 168, ...options }: ScrubOptions,
): Promise<ScrubReport> {
  const before = slice ? undefined : await readCoverage(repository);
  const from = before?.next ?? Math.ceil((idNumbers * (slice?.at ?? 0)) / (slice?.of ?? 1));
  const to = slice ? Math.ceil((idNumbers * (slice.at + 1)) / slice.of) : from + Math.ceil(idNumbers / of);
  const loaded = await loadIndex(repository, { for: "reader", repair: false });
  const part = [...loaded.packs].filter(([id]) => idNumberOf(id) >= from && idNumberOf(id) < to).sort();
  const run = newRun(Math.min(to, idNumbers));
  for await (const name of unfinishedHeals(repository.store)) run.unwell.add(name);
  try {
    await readPacks(repository, { part, loaded, run, options });
    if (!run.isAborted) await healAll(repository, options, run);
  } catch (error) {
    if (before) await noteCoverage(repository, advanced(repository, before, settledOf(run)));
    throw error;
  }
  const coverage = before && advanced(repository, before, settledOf(run));
  if (coverage) await noteCoverage(repository, coverage);
  const { packs, bytes, healed, unwell, isAborted } = run;
  return { packs, bytes, healed, postponed: [...unwell], isAborted, coverage };
}

type Run = Pick<ScrubReport, "packs" | "bytes" | "healed" | "isAborted"> & {
  /** Names of packs that are still to be healed. */
  unwell: Set<string>;
  /** Everything below was read. */
  reached: number;
};

const newRun = (reached: number): Run => ({
  packs: 0,
  bytes: 0,
  healed: [],
  isAborted: false,
  unwell: new Set(),
  reached,
});

/** A pack that waits for its healing is read again by the next run. */
const settledOf = ({ unwell, reached }: Run): number =>
  Math.min(reached, ...Array.from(unwell, (name) => idNumberOf(name.slice("packs/00/".length))));

async function readPacks(
  repository: Repository,
  {
    part,
    loaded,
    run,
    options,
  }: {
    part: [string, Blob][];
    loaded: LoadedIndex;
    run: Run;
    options: Pick<ScrubOptions, "pace" | "signal">;
  },
): Promise<void> {
  const end = run.reached;
  for (const [id, blob] of part) {
    run.reached = idNumberOf(id);
    const state = await readPack(repository, id, { blob, parity: loaded.parities.get(id), options }).catch(
      (error: unknown) => {
        if (options.signal?.aborted) return "aborted";
        throw error;
      },
    );
    if (state === "aborted") {
      run.isAborted = true;
      return;
    }
    run.packs++;
    run.bytes += blob.bytes;
    if (state === "unwell") run.unwell.add(blob.name);
  }
  run.reached = end;
}

async function readPack(
  { store, hash, config }: Repository,
  id: string,
  {
    blob,
    parity,
    options,
  }: { blob: Blob; parity: Blob | undefined; options: Pick<ScrubOptions, "pace" | "signal"> },
): Promise<"well" | "unwell"> {
  const sourceOf = (blob: Blob) => pacedSource(blobSource(store, blob), options);
  try {
    if (!(await isPackIntact(sourceOf(blob), id, hash))) return "unwell";
    if (!parityChoice(config.parity)) return "well";
    if (!parity) return "unwell";
    return (await isParityWhole(sourceOf(parity), id, hash)) ? "well" : "unwell";
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // Deleted by the collector of garbage since it was listed.
    if (error.code === "snapshot-missing" && (await store.size(blob.name)) === undefined) return "well";
    if (["storage-failed", "snapshot-corrupt", "snapshot-missing"].includes(error.code)) return "unwell";
    throw error;
  }
}

function pacedSource(
  source: ByteSource,
  { pace, signal }: Pick<ScrubOptions, "pace" | "signal">,
): ByteSource {
  return {
    size: source.size,
    async read(position, length) {
      if (!signal?.aborted) await pace?.(length);
      signal?.throwIfAborted();
      return source.read(position, length);
    },
  };
}

/** Those that stay in `unwell` are for the next run: another heals or collects at this moment. */
async function healAll(repository: Repository, options: ScrubOptions, run: Run): Promise<void> {
  if (run.unwell.size === 0) return;
  try {
    for await (const healed of healPacks(repository, { ...options, names: [...run.unwell] })) {
      run.healed.push(healed);
      run.unwell.delete(healed.name);
    }
  } catch (error) {
    run.isAborted = options.signal?.aborted ?? false;
    if (!run.isAborted && !(error instanceof Fault && error.code === "conflict")) throw error;
  }
}
