import { wipe } from "../crypto/wipe.ts";
import { limits } from "../limits.ts";
import type { ParityChoice } from "../parity/parity-block.ts";
import { createStripeSums } from "../parity/stripe-sums.ts";
import { writePartsParity } from "../parity/write-parity.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { buildPack, type PackRecord, type Sealing } from "./build-pack.ts";
import type { BaseOf } from "./read-pack.ts";
import { writePack } from "./write-pack.ts";

export type RepositoryWriter = Sealing & {
  store: BlobStore;
  /** What lies beside each new pack; without, nothing does. The pack comes first: whole without it, only less safe. */
  parity?: ParityChoice | undefined;
};

export type PackWriter = {
  /** Takes a record; writes a pack when there is enough for one. */
  add(record: PackRecord): Promise<void>;
  /** Writes what is left. Only then is everything durable that was added. */
  finish(): Promise<{ packs: string[]; bytes: number }>;
};

/** Collects records into packs of 64 MiB: no more than one pack, and its sealed copy, is held in memory. */
export function createPackWriter(writer: RepositoryWriter, baseOf?: BaseOf): PackWriter {
  const packs: string[] = [];
  const parity = writer.parity && { ...writer.parity, ...writer, sums: createStripeSums() };
  let [records, held, bytes]: [PackRecord[], number, number] = [[], 0, 0];

  async function write(): Promise<void> {
    if (records.length === 0) return;
    const pack = buildPack(records, writer);
    [records, held] = [[], 0];
    await writePack(pack, { ...writer, ...(baseOf && { baseOf }) }).finally(() => wipe(pack.recordKey));
    if (parity) await writePartsParity(pack, parity);
    packs.push(pack.id);
    bytes += pack.length;
  }

  return {
    async add(record) {
      records.push(record);
      held += record.bytes.length;
      if (held >= limits.packTarget) await write();
    },
    async finish() {
      await write();
      return { packs, bytes };
    },
  };
}
