import type { Digest, Tree } from "@locum/contracts";
import { Fault, type SnapshotRepository } from "@locum/contracts";
import { readTextFile } from "@locum/runtime";
import type { Source } from "@locum/snapshot";
import { openWriter } from "../snapshots/open-writer.ts";
import { type KeysOfCollector, keysOfCollector } from "./collector-keys.ts";

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
  const openerFor = async (snapshot: string) => {
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
