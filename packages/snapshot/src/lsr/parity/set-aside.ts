import type { ByteSource } from "../byte-source.ts";
import { limits } from "../limits.ts";
import { packPath } from "../pack/pack-path.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { parityPath } from "./parity-path.ts";
import { readBlock } from "./read-block.ts";

type Target = { store: BlobStore; beforeRemove?: () => Promise<void> };

/**
 * Takes a damaged pack out of the repository: it and its parity are durable under `damaged/` before either is removed.
 * False where the storage does not read all of it, which may be for now only: then it stays.
 */
export async function setAside(
  { store, beforeRemove }: Target,
  packId: string,
  pack: ByteSource,
): Promise<boolean> {
  const copies = [
    { from: packPath(packId), to: `damaged/${packId}.pk`, source: pack },
    {
      from: parityPath(packId),
      to: `damaged/${packId}.pr`,
      source: await sourceAt(store, parityPath(packId)),
    },
  ];
  for (const { to, source } of copies) {
    if (!source || source.size === 0) continue;
    const parts = await readAll(source);
    if (!parts) return false;
    // One that is there is from a run that stopped: damage only grows, so that the older copy is the better one.
    await store.create(to, parts);
  }
  await beforeRemove?.();
  for (const { from } of copies) if ((await store.size(from)) !== undefined) await store.remove(from);
  return true;
}

async function sourceAt(store: BlobStore, name: string): Promise<ByteSource | undefined> {
  const size = await store.size(name);
  return size === undefined ? undefined : { size, read: (at, length) => store.read(name, at, length) };
}

/** No more than a pack may have: what a file grew by belongs to nothing. */
async function readAll(source: ByteSource): Promise<Uint8Array[] | undefined> {
  const end = Math.min(source.size, limits.pack);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < end; at += limits.chunk) {
    const part = await readBlock(source, { at, length: Math.min(limits.chunk, end - at), end });
    if (!part) return undefined;
    parts.push(part);
  }
  return parts;
}
