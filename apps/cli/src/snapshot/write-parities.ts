import { blobSource, parityPath, type Repository, writeParity } from "@locum/snapshot/repository";

const [blockMin, blockMax] = [4 << 10, 1 << 20];

/**
 * Parity beside each pack that has none yet, as the repository's config asks for. Of a small pack the blocks are so small
 * that it is still cut into k of them: with blocks of 1 MiB the parity of a metadata edit would be the larger file.
 * @throws Fault snapshot-corrupt: a pack does not read back · disk-full · storage-failed
 */
export async function writeParities(
  { store, hash, config }: Repository,
  packs: readonly string[],
  onPack: (at: number) => void,
): Promise<void> {
  const [k, m] = config.parity;
  if (m !== 1 && m !== 2) return;
  for (const [at, packId] of packs.entries()) {
    onPack(at + 1);
    const name = `packs/${packId.slice(0, 2)}/${packId}.pk`;
    const bytes = await store.size(name);
    if (bytes === undefined || (await store.size(parityPath(packId))) !== undefined) continue;
    await writeParity(blobSource(store, { name, bytes }), {
      store,
      packId,
      hash,
      k,
      m,
      blockBytes: blockBytesFor(bytes, k),
    });
  }
}

/** A power of two, as parity asks for. */
function blockBytesFor(packBytes: number, k: number): number {
  let block = blockMin;
  while (block < blockMax && block * k < packBytes) block *= 2;
  return block;
}
