import { Fault } from "@locum/contracts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import type { Recipient } from "../crypto/recipient.ts";
import type { PackRecord } from "../pack/build-pack.ts";
import { createPackWriter } from "../pack/pack-writer.ts";
import { readEncoded } from "../pack/read-pack.ts";
import { parityChoice } from "../parity/parity-block.ts";
import { openIntent } from "./intent.ts";
import type { LoadedIndex } from "./load-index.ts";
import { type Chunks, openChunks } from "./open-chunks.ts";
import type { Repository } from "./repository.ts";
import { indexPacks } from "./write-segments.ts";

/**
 * Writes the records that are needed of half empty packs into new ones, as they are encoded, and gives the packs that
 * may go now. One that does not read well is left as it is: its good records may be the last ones.
 * @throws Fault disk-full · storage-failed
 */
export async function repack(
  repository: Repository,
  {
    packs,
    kept,
    loaded,
    opener,
    recipients,
    holder,
    beforeEach,
  }: {
    packs: readonly string[];
    kept: Map<string, Set<number>>;
    loaded: LoadedIndex;
    opener: KeyOpener;
    recipients: readonly Recipient[];
    holder: string;
    beforeEach: () => Promise<void>;
  },
): Promise<string[]> {
  const intent = await openIntent(repository, { writer: holder });
  try {
    const chunks = openChunks({ repository, loaded, opener });
    const writer = createPackWriter(
      { ...repository, recipients, parity: parityChoice(repository.config.parity) },
      (base) => chunks.read(base),
    );
    const emptied: string[] = [];
    for (const id of packs) {
      await beforeEach();
      const records = await readKept(chunks, id, kept.get(id) ?? new Set());
      if (!records) continue;
      for (const record of records) await writer.add(record);
      emptied.push(id);
    }
    const { packs: written } = await writer.finish();
    await indexPacks(repository, loaded, written);
    return emptied;
  } finally {
    await repository.store.remove(intent).catch(() => {});
  }
}

async function readKept(
  chunks: Chunks,
  id: string,
  ordinals: ReadonlySet<number>,
): Promise<PackRecord[] | undefined> {
  try {
    const pack = await chunks.pack(id);
    const records: PackRecord[] = [];
    for (const ordinal of ordinals) records.push(await readEncoded(pack, ordinal));
    return records;
  } catch (error) {
    if (error instanceof Fault && error.code === "snapshot-corrupt") return undefined;
    throw error;
  }
}
