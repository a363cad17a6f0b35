import { Fault } from "@locum/contracts";
import {
  type ChunkSource,
  folderSource,
  type Healed,
  healPack,
  type KeyOpener,
  type Lease,
  type LoadedIndex,
  listSnapshots,
  loadIndex,
  openChunks,
  type Recipient,
  type Repository,
  readSnapshot,
  takeLease,
  unfinishedHeals,
} from "@locum/snapshot/repository";

export type HealedPack = { name: string } & (Healed | { kind: "failed"; fault: Fault });

type Options = {
  holder: string;
  opener?: KeyOpener | undefined;
  /** Whom rescued chunks are sealed for; without any, parity alone is tried. */
  recipients: readonly Recipient[];
  /** Folders that may hold the files of snapshots; with a private key only, as manifests say what lies where. */
  folders: readonly string[];
  signal: AbortSignal;
};

/**
 * Each pack made whole: by parity, else its chunks saved from itself, other packs and folders. Missing parity is made.
 * Holds the lease of the collector of garbage; a stop at any point is finished by the next run.
 * @throws Fault conflict: another collects or repairs · disk-full · storage-failed
 */
export async function* healPacks(repository: Repository, options: Options): AsyncGenerator<HealedPack> {
  const lease = await takeLease(repository, options.holder);
  try {
    const loaded = await loadIndex(repository, { for: "reader", repair: false });
    const sources = await sourcesOf(repository, loaded, options);
    const names = new Set<string>();
    for await (const name of unfinishedHeals(repository.store)) names.add(name);
    for (const { name } of loaded.packs.values()) names.add(name);
    for (const name of names) {
      options.signal.throwIfAborted();
      await lease.keep();
      yield await heal(repository, name, { ...options, lease, loaded, sources });
    }
  } finally {
    await lease.release().catch(() => {});
  }
}

async function heal(
  repository: Repository,
  name: string,
  {
    lease,
    loaded,
    sources,
    recipients,
    opener,
  }: Options & { lease: Lease; loaded: LoadedIndex; sources: readonly ChunkSource[] },
): Promise<HealedPack> {
  const { store, hash, config, repositoryId, idKey, random } = repository;
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

async function sourcesOf(
  repository: Repository,
  loaded: LoadedIndex,
  { opener, folders }: Options,
): Promise<ChunkSource[]> {
  if (!opener) return [];
  const chunks = openChunks({ repository, loaded, opener });
  const sources: ChunkSource[] = [(chunkId) => chunks.read(chunkId)];
  if (folders.length === 0) return sources;
  const { snapshots } = await listSnapshots(repository);
  for (const { id } of snapshots.toReversed()) {
    const manifest = await readSnapshot(repository, id, { opener }).catch((error: unknown) => {
      if (error instanceof Fault) return undefined;
      throw error;
    });
    for (const root of manifest ? folders : []) {
      const { read } = folderSource({ name: root, root, files: manifest?.body.files ?? [] });
      sources.push(async (chunkId) => {
        const length = loaded.index.find(chunkId)[0]?.plainLength;
        return length === undefined ? undefined : read(chunkId, length);
      });
    }
  }
  return sources;
}
