import { assert } from "@locum/contracts";
import { codecId } from "../codec/codec-id.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import type { Recipient } from "../crypto/recipient.ts";
import { seal, tagBytes } from "../crypto/seal.ts";
import { wipe } from "../crypto/wipe.ts";
import { limits } from "../limits.ts";
import { type Entry, encodeEntries } from "./entries.ts";
import { encodeHeader } from "./header.ts";

/** One chunk, encoded, on its way into a pack. */
export type PackRecord = {
  chunkId: Uint8Array;
  codec: number;
  bytes: Uint8Array;
  plainLength: number;
  base?: Uint8Array;
};

/** A pack in memory, with its keys: for who made it, until it is written. Who writes it wipes the record key. */
export type Pack = {
  id: string;
  parts: Uint8Array[];
  length: number;
  entries: Entry[];
  recordKey: Uint8Array;
  idKey: Uint8Array;
};

export type Sealing = {
  repositoryId: Uint8Array;
  idKey: Uint8Array;
  recipients: readonly Recipient[];
  hash: KeyedHash;
  /** Cryptographically strong; an argument, so that a test can see what is made of it. */
  random: (length: number) => Uint8Array;
};

export const trailerOrdinal = 2n ** 64n - 1n;
export const footerMagic = "LSRE";
export const footerBytes = 8;

/** A pack before its records are sealed: their order, which is not the one they came in, and the keys. */
export type PackPlan<Record extends PlannedRecord> = {
  header: Uint8Array;
  context: { magic: "LSRP"; repositoryId: Uint8Array; salt: Uint8Array };
  recordKey: Uint8Array;
  idKey: Uint8Array;
  records: { record: Record; ordinal: number; entry: Entry }[];
};

type PlannedRecord = Omit<Entry, "offset">;

/**
 * A key of its own, and the records shuffled, so that their lengths in order do not spell a file that somebody knows.
 * `length` of a record is that of its encoded bytes.
 */
export function planPack<Record extends PlannedRecord>(
  records: readonly Record[],
  { repositoryId, idKey, recipients, random }: Omit<Sealing, "hash">,
): PackPlan<Record> {
  const fileKey = random(32);
  const context = { magic: "LSRP", repositoryId, salt: random(32) } as const;
  const header = encodeHeader({ ...context, fileKey, idKey, recipients });
  let offset = header.length;
  const placed = shuffled(records, random).map((record, ordinal) => {
    const { chunkId, length, plainLength, codec, base } = record;
    const entry = { chunkId, offset, length, plainLength, codec, ...(base && { base }) };
    offset += length + tagBytes;
    return { record, ordinal, entry };
  });
  const recordKey = deriveKey(fileKey, context.salt, "lsr1 record");
  wipe(fileKey);
  return { header, context, recordKey, idKey, records: placed };
}

/** Header, sealed records, trailer and footer: the whole pack, but its name. */
export function closePack<Record extends PlannedRecord>(
  { header, context, idKey, records }: PackPlan<Record>,
  sealed: readonly Uint8Array[],
): { parts: Uint8Array[]; length: number; entries: Entry[] } {
  const entries = records.map(({ entry }) => entry);
  const end = header.length + sealed.reduce((sum, { length }) => sum + length, 0);
  const plain = padded(encodeEntries(entries), end + tagBytes + footerBytes);
  const place = { ...context, ordinal: trailerOrdinal, codec: codecId.sealed, plainLength: plain.length };
  const trailer = seal(deriveKey(idKey, context.salt, "lsr1 trailer"), plain, place);
  const footer = Buffer.alloc(footerBytes);
  footer.writeUInt32LE(trailer.length);
  footer.write(footerMagic, 4, "latin1");
  const length = end + trailer.length + footerBytes;
  assert(length <= limits.pack && length % limits.packRounding === 0, "a pack within its limits");
  return { parts: [header, ...sealed, trailer, footer], length, entries };
}

/** A whole pack, in parts. */
export function buildPack(records: readonly PackRecord[], sealing: Sealing): Pack {
  const lengths = records.map((record) => ({ ...record, length: record.bytes.length }));
  const plan = planPack(lengths, sealing);
  const { context, recordKey, idKey } = plan;
  const sealed = plan.records.map(({ record: { bytes, codec, plainLength, base }, ordinal }) =>
    seal(recordKey, bytes, {
      ...context,
      ordinal: BigInt(ordinal),
      codec,
      plainLength,
      ...(base && { bound: base }),
    }),
  );
  const closed = closePack(plan, sealed);
  const id = Buffer.from(digestOf(sealing.hash, closed.parts)).toString("hex");
  return { id, ...closed, recordKey, idKey };
}

/** Zeros inside the trailer bring the pack to a multiple of 64 KiB: its length then says little. */
function padded(plain: Uint8Array, otherBytes: number): Uint8Array {
  const whole = Math.ceil((plain.length + otherBytes) / limits.packRounding) * limits.packRounding;
  const out = new Uint8Array(whole - otherBytes);
  out.set(plain);
  return out;
}

/** Fisher and Yates; 48 bits a draw leave no bias that could be seen. */
function shuffled<T>(items: readonly T[], random: (length: number) => Uint8Array): T[] {
  const out = [...items];
  const draws = Buffer.from(random(6 * out.length));
  for (let i = out.length - 1; i > 0; i--) {
    const j = draws.readUIntLE(6 * i, 6) % (i + 1);
    const [a, b] = [out[i], out[j]];
    if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a];
  }
  return out;
}
