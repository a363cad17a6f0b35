import { type Digest, Fault, type SnapshotRepository, type Tree } from "@locum/contracts";
import { readTextFile } from "@locum/runtime";
import type { Source } from "@locum/snapshot";
import type { ChunkRef, KeyOpener, LoadedIndex } from "@locum/snapshot/repository";
import { openWriter } from "../snapshots/open-writer.ts";
import { type CollectorKeys, type KeysOfCollector, keysOfCollector } from "./collector-keys.ts";

export type SnapshotReader = {
  /** Releases of which a whole snapshot is there, as its channels say. */
  releases(approved: readonly Digest[]): Promise<Digest[]>;
  /** @throws Fault snapshot-missing · not-authorised · snapshot-corrupt · storage-failed · collector-unreachable */
  open(release: Digest, tree: Tree): Promise<Source & { close(): Promise<void> }>;
};

/** Snapshots of a service in its repository, as sources of restores. */
export function createSnapshotReader({
  wanted,
  service,
  keys,
  env,
  wallMs,
}: {
  wanted: SnapshotRepository;
  service: string;
  /** Who opens what is sealed, where no private key is here; null where nobody does. */
  keys: KeysOfCollector | null;
  env: NodeJS.ProcessEnv;
  wallMs: () => number;
}): SnapshotReader {
  const openNow = () => openWriter(wanted, { env, wallMs });
  const openerFor = async (snapshot: string): Promise<KeyOpener & Partial<CollectorKeys>> => {
    const { keyOpener, readPrivateKey } = await import("@locum/snapshot/repository");
    if (wanted.privateKeyFile !== undefined) {
      const key = await readPrivateKey(wanted.privateKeyFile, { readTextFile }, { groupMayRead: true });
      return keyOpener(key);
    }
    if (keys) return keysOfCollector(snapshot, keys);
    throw new Fault(
      "not-authorised",
      "snapshots are sealed: there is no private key here, and no collector",
      {
        hint: "Name snapshot.repository.privateKeyFile, or a collector that holds one.",
      },
    );
  };
  return {
    async releases(approved) {
      if (wanted.privateKeyFile === undefined && !keys) return [];
      const { readRef, releaseChannel } = await import("@locum/snapshot/repository");
      const { repository } = await openNow();
      const found: Digest[] = [];
      for (const release of approved)
        if ((await readRef(repository, { model: service, channel: releaseChannel(release) }))?.snapshot)
          found.push(release);
      return found;
    },
    async open(release, tree) {
      const {
        chunksOfTree,
        createSnapshotPool,
        loadIndex,
        openChunks,
        readRef,
        readSnapshot,
        releaseChannel,
        snapshotTreeSource,
      } = await import("@locum/snapshot/repository");
      const { repository } = await openNow();
      const ref = await readRef(repository, { model: service, channel: releaseChannel(release) });
      if (!ref?.snapshot)
        throw new Fault("snapshot-missing", `no snapshot of ${release} is in ${wanted.place}`);
      const opener = await openerFor(ref.snapshot);
      const { body } = await readSnapshot(repository, ref.snapshot, { opener });
      const loaded = await loadIndex(repository, { for: "reader", repair: false });
      opener.expect?.(packsOf(chunksOfTree(tree, body), loaded));
      const pool = createSnapshotPool();
      const chunks = openChunks({ repository, loaded, opener, pool });
      try {
        return { ...snapshotTreeSource({ tree, manifest: body, chunks }), close: pool.close };
      } catch (error) {
        await pool.close();
        throw error;
      }
    },
  };
}

/** Names of the packs that are opened for these chunks, each once, in the order in which they are. */
function packsOf(chunks: readonly ChunkRef[], { index, packs }: LoadedIndex): string[] {
  const names = new Set<string>();
  const add = (chunkId: Uint8Array): Uint8Array | undefined => {
    const [copy] = index.find(chunkId);
    const name = copy && packs.get(copy.pack)?.name;
    if (name !== undefined) names.add(name);
    return copy?.base;
  };
  for (const { chunkId } of chunks) {
    const base = add(chunkId);
    if (base) add(base);
  }
  return [...names];
}
