import { Fault } from "@locum/contracts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import type { Recipient } from "../crypto/recipient.ts";
import { type Healed, healPack } from "../parity/heal-pack.ts";
import { unfinishedHeals } from "../parity/publish-repaired.ts";
import type { ChunkSource } from "../parity/salvage-chunks.ts";
import { type Lease, takeLease } from "./gc-lease.ts";
import { type LoadedIndex, loadIndex } from "./load-index.ts";
import { openChunks } from "./open-chunks.ts";
import type { Repository } from "./repository.ts";

export type HealedPack = { name: string } & (Healed | { kind: "failed"; fault: Fault });

export type HealOptions = {
  /** Who heals, as it goes into the lease. */
  holder: string;
  /** Opens what is left of a damaged pack, and copies in other packs. */
  opener?: KeyOpener | undefined;
  /** Whom rescued chunks are sealed for; without any, parity alone is tried. */
  recipients?: readonly Recipient[];
  /** Asked for chunks that no pack has any more: live files, twins, peers. Only for those, each at most 1 MiB. */
  sources?: readonly ChunkSource[];
};

/**
 * Each of these packs made whole (all, without `names`): by parity, else its chunks saved from itself, other packs and
 * the sources. Missing parity is made. Heals that were stopped are finished first. Holds the lease of the collector of
 * garbage from the first to the last, so that no two heal at once, nor one heals what another deletes.
 * @throws Fault conflict: another collects or heals · disk-full · storage-failed · upstream-unreachable; and the signal's
 *   reason. What was healed before stays, and the next run finishes what was not
 */
export async function* healPacks(
  repository: Repository,
  { names, signal, ...options }: HealOptions & { names?: readonly string[]; signal?: AbortSignal },
): AsyncGenerator<HealedPack> {
  const lease = await takeLease(repository, options.holder);
  try {
    const loaded = await loadIndex(repository, { for: "reader", repair: false });
    const all = new Set<string>();
    for await (const name of unfinishedHeals(repository.store)) all.add(name);
    for (const name of names ?? Array.from(loaded.packs.values(), ({ name }) => name)) all.add(name);
    const sources = sourcesOf(repository, loaded, options);
    for (const name of all) {
      signal?.throwIfAborted();
      await lease.keep();
      yield await heal(repository, name, { ...options, lease, loaded, sources });
    }
  } finally {
    await lease.release().catch(() => {});
  }
}

function sourcesOf(
  repository: Repository,
  loaded: LoadedIndex,
  { opener, sources = [] }: HealOptions,
): ChunkSource[] {
  if (!opener) return [...sources];
  const chunks = openChunks({ repository, loaded, opener });
  return [(chunkId) => chunks.read(chunkId), ...sources];
}

async function heal(
  { store, hash, config, repositoryId, idKey, random }: Repository,
  name: string,
  {
    lease,
    loaded,
    sources,
    recipients = [],
    opener,
  }: Omit<HealOptions, "sources"> & { lease: Lease; loaded: LoadedIndex; sources: readonly ChunkSource[] },
): Promise<HealedPack> {
  const entries = loaded.index.entriesOf(name.slice("packs/00/".length, -".pk".length));
  const salvage = {
    repositoryId,
    idKey,
    random,
    recipients,
    ...(opener && { opener }),
    ...(entries.length > 0 && { entries }),
  };
  try {
    const healed = await healPack({
      store,
      name,
      hash,
      sources,
      parity: config.parity,
      beforeRemove: lease.keep,
      ...(recipients.length > 0 && { salvage }),
    });
    return { name, ...healed };
  } catch (fault) {
    if (!(fault instanceof Fault) || !["snapshot-corrupt", "snapshot-missing"].includes(fault.code))
      throw fault;
    return { name, kind: "failed", fault };
  }
}
