import { Fault } from "@locum/contracts";
import { encodeParity } from "../parity/encode-parity.ts";
import { parityBlockBytes, parityChoice } from "../parity/parity-block.ts";
import { parityPath } from "../parity/parity-path.ts";
import { blobSource } from "../store/blob-store.ts";
import type { LoadedIndex } from "./load-index.ts";
import type { Repository } from "./repository.ts";

/**
 * Parity beside packs that have none, as the config asks for it; gives those that have it now. A pack that is damaged gets
 * none, which would preserve the damage: that is for `check` to tell and for a heal to mend.
 * @throws Fault disk-full · storage-failed · upstream-unreachable
 */
export async function addParity(
  { store, hash, config }: Repository,
  packs: readonly string[],
  { loaded, beforeEach }: { loaded: Pick<LoadedIndex, "packs">; beforeEach: () => Promise<void> },
): Promise<string[]> {
  const choice = parityChoice(config.parity);
  const made: string[] = [];
  for (const packId of choice ? packs : []) {
    const blob = loaded.packs.get(packId);
    if (!blob || !choice) continue;
    await beforeEach();
    const blockBytes = parityBlockBytes(blob.bytes, choice.k);
    const parity = await encodeParity(blobSource(store, blob), { hash, packId, ...choice, blockBytes }).catch(
      unlessDamaged,
    );
    if (!parity) continue;
    await store.create(parityPath(packId), parity);
    made.push(packId);
  }
  return made;
}

function unlessDamaged(error: unknown): undefined {
  const codes = ["snapshot-corrupt", "snapshot-missing", "storage-failed"];
  if (!(error instanceof Fault && codes.includes(error.code))) throw error;
}
