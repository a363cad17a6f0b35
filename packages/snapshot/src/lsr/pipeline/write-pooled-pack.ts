import { corrupt } from "../corrupt.ts";
import { tagBytes } from "../crypto/seal.ts";
import { wipe } from "../crypto/wipe.ts";
import { closePack, type PackPlan, planPack } from "../pack/build-pack.ts";
import type { Entry } from "../pack/entries.ts";
import { packPath } from "../pack/pack-path.ts";
import type { RepositoryWriter } from "../pack/pack-writer.ts";
import { type BaseOf, openBuilt } from "../pack/read-pack.ts";
import { parityBlockBytes } from "../parity/parity-block.ts";
import { parityPath } from "../parity/parity-path.ts";
import type { JobOf } from "./job.ts";
import type { SnapshotPool } from "./snapshot-pool.ts";

/** An encoded chunk, and 16 bytes behind it for the tag. */
export type PlacedRecord = Omit<Entry, "offset"> & { bytes: Uint8Array };

type Sealing = JobOf<"finish">["records"][number];

/** Records that a thread seals and reads back at once: some milliseconds of work. */
const batch = 4;

/**
 * What `buildPack` and `writePack` do, in shared memory and on the pool's threads: sealed in place, read back from the
 * bytes that go out, written. This thread makes only header and trailer.
 * @throws Fault snapshot-corrupt: it does not read back; nothing was written · disk-full · storage-failed · refused
 */
export async function writePooledPack(
  records: readonly PlacedRecord[],
  { writer, pool, baseOf }: { writer: RepositoryWriter; pool: SnapshotPool; baseOf: BaseOf },
): Promise<{ id: string; length: number }> {
  const planned = planPack(records, writer);
  // Threads look at it where it lies: one that was sent would be copied, and its copies stay in memory.
  const recordKey = new Uint8Array(new SharedArrayBuffer(planned.recordKey.length));
  recordKey.set(planned.recordKey);
  wipe(planned.recordKey);
  const plan = { ...planned, recordKey };
  try {
    return await writePlanned(plan, { writer, pool, baseOf });
  } finally {
    wipe(recordKey);
  }
}

async function writePlanned(
  plan: PackPlan<PlacedRecord>,
  { writer, pool, baseOf }: { writer: RepositoryWriter; pool: SnapshotPool; baseOf: BaseOf },
): Promise<{ id: string; length: number }> {
  const sealed = plan.records.map(({ record: { bytes } }) => bytes);
  const { parts, length } = closePack(plan, sealed);
  await sealAndReadBack(plan, { parts, pool, baseOf });
  const id = Buffer.from(await pool.run("name", { parts })).toString("hex");
  const [parity] = await Promise.all([
    parityOf({ id, parts, length }, writer.parity, pool),
    writer.store.create(packPath(id), parts),
  ]);
  if (parity) await writer.store.create(parityPath(id), parity);
  return { id, length };
}

async function parityOf(
  { id: packId, parts, length }: { id: string; parts: Uint8Array[]; length: number },
  choice: RepositoryWriter["parity"],
  pool: SnapshotPool,
): Promise<Uint8Array[] | undefined> {
  if (!choice) return undefined;
  return pool.run("parity", { parts, packId, ...choice, blockBytes: parityBlockBytes(length, choice.k) });
}

/**
 * Each record is sealed by its plan, and read back by the entry that the pack's own trailer has of it, from the part that
 * lies where the entry says: at once, while a processor's cache has it.
 */
async function sealAndReadBack(
  { recordKey: key, idKey, context, records }: PackPlan<PlacedRecord>,
  { parts, pool, baseOf }: { parts: Uint8Array[]; pool: SnapshotPool; baseOf: BaseOf },
): Promise<void> {
  const { entries } = await openBuilt({ parts, recordKey: key, idKey });
  const starts = new Map<number, Uint8Array>();
  let end = 0;
  for (const part of parts) {
    starts.set(end, part);
    end += part.length;
  }
  const sealings = records.map(({ record: { codec, plainLength, base, bytes }, ordinal }): Sealing => {
    const entry = entries[ordinal];
    const sealed = entry && starts.get(entry.offset);
    if (!entry || sealed?.length !== entry.length + tagBytes)
      throw corrupt(`record ${ordinal} is not where its entry says`);
    return {
      sealing: { bytes, ordinal, codec, plainLength, bound: base ?? null },
      // A view is sent with all that it is a view of: here, the trailer.
      reading: {
        sealed,
        chunkId: new Uint8Array(entry.chunkId),
        codec: entry.codec,
        plainLength: entry.plainLength,
        ordinal,
        bound: entry.base ?? null,
        base: null,
      },
    };
  });
  const finish = (records: Sealing[]) => pool.run("finish", { key, idKey, context, records });
  await Promise.all(batches(sealings.filter(({ reading }) => !reading.bound)).map(finish));
  // One after another, since each has its base beside it.
  for (const { sealing, reading } of sealings)
    if (reading.bound)
      await finish([{ sealing, reading: { ...reading, base: await baseOf(reading.bound) } }]);
}

function batches<T>(items: readonly T[]): T[][] {
  const out: T[][] = [];
  for (let at = 0; at < items.length; at += batch) out.push(items.slice(at, at + batch));
  return out;
}
