import {
  type ChunkRef,
  chunkRefs,
  loadIndex,
  type Manifest,
  type ManifestFile,
  openChunks,
  type Repository,
  readSnapshot,
} from "@locum/snapshot/repository";
import { type Access, openAccessed } from "./access-repository.ts";
import { type KeyUse, useKey } from "./use-key.ts";

export type SnapshotReader = {
  manifest(id: string): Promise<Manifest>;
  /** A file's bytes, chunk by chunk, each checked against its name. */
  chunksOf(file: ManifestFile): AsyncGenerator<Uint8Array>;
  range(file: ManifestFile, start: number, length: number): Promise<Uint8Array>;
};

/** Manifests and files of a repository, for who holds a private key. @throws Fault not-authorised, as `openAccessed` */
export async function openReader(
  access: Access,
  use: KeyUse,
): Promise<SnapshotReader & { repository: Repository }> {
  const repository = await openAccessed(access);
  const opener = await useKey(access, repository, use);
  const loaded = await loadIndex(repository, { for: "reader", repair: false });
  const chunks = openChunks({ repository, loaded, opener });

  /** The chunk that was read last is often the next one's neighbour: small tensors lie in one. */
  let last: { id: string; bytes: Uint8Array } | undefined;
  async function read({ chunkId }: ChunkRef): Promise<Uint8Array> {
    const id = Buffer.from(chunkId).toString("hex");
    if (last?.id !== id) last = { id, bytes: await chunks.read(chunkId) };
    return last.bytes;
  }

  return {
    repository,
    manifest: (id) => readSnapshot(repository, id, { opener }),
    async *chunksOf(file) {
      for (const ref of chunkRefs(file)) yield await read(ref);
    },
    async range(file, start, length) {
      const parts: Uint8Array[] = [];
      let chunkStart = 0;
      for (const ref of chunkRefs(file)) {
        const from = Math.max(start, chunkStart) - chunkStart;
        const to = Math.min(start + length, chunkStart + ref.plainLength) - chunkStart;
        if (from < to) parts.push((await read(ref)).subarray(from, to));
        chunkStart += ref.plainLength;
      }
      return Buffer.concat(parts);
    },
  };
}
