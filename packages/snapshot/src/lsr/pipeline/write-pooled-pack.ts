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
import type { SealedRecord } from "./job.ts";
import type { SnapshotPool } from "./snapshot-pool.ts";

/** An encoded chunk, and 16 bytes behind it for the tag. */
export type PlacedRecord = Omit<Entry, "offset"> & { bytes: Uint8Array };

/** Records that a thread seals or reads back at once: some milliseconds of work. */
const batch = 6;

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
  const { context, recordKey } = plan;
  const places = plan.records.map(({ record: { bytes, codec, plainLength, base }, ordinal }) => ({
    bytes,
    ordinal,
    codec,
    plainLength,
    bound: base ?? null,
  }));
  await Promise.all(batches(places).map((records) => pool.run("seal", { key: recordKey, context, records })));
  const sealed = places.map(({ bytes }) => bytes);
  const { parts, length } = closePack(plan, sealed);
  const [name] = await Promise.all([pool.run("name", { parts }), readBack(plan, { parts, pool, baseOf })]);
  const id = Buffer.from(name).toString("hex");
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

/** By the entries of the pack's own trailer, each from the part that lies where its entry says. */
async function readBack(
  { recordKey, idKey, context }: PackPlan<PlacedRecord>,
  { parts, pool, baseOf }: { parts: Uint8Array[]; pool: SnapshotPool; baseOf: BaseOf },
): Promise<void> {
  const { entries } = await openBuilt({ parts, recordKey, idKey });
  const starts = new Map<number, Uint8Array>();
  let end = 0;
  for (const part of parts) {
    starts.set(end, part);
    end += part.length;
  }
  const records = entries.map(({ chunkId, codec, plainLength, offset, length, base }, ordinal) => {
    const sealed = starts.get(offset);
    if (sealed?.length !== length + tagBytes) throw corrupt(`record ${ordinal} is not where its entry says`);
    // A view is sent with all that it is a view of: here, the trailer.
    return {
      sealed,
      chunkId: new Uint8Array(chunkId),
      codec,
      plainLength,
      ordinal,
      bound: base ?? null,
      base: null,
    };
  });
  const verify = (records: SealedRecord[]) => pool.run("verify", { key: recordKey, idKey, context, records });
  await Promise.all(batches(records.filter(({ bound }) => !bound)).map(verify));
  // One after another, since each has its base beside it.
  for (const record of records)
    if (record.bound) await verify([{ ...record, base: await baseOf(record.bound) }]);
}

function batches<T>(items: readonly T[]): T[][] {
  const out: T[][] = [];
  for (let at = 0; at < items.length; at += batch) out.push(items.slice(at, at + batch));
  return out;
}
