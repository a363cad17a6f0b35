import { assert } from "@locum/contracts";
import { codecId } from "../codec/codec-id.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import type { Recipient } from "../crypto/recipient.ts";
import { seal, tagBytes } from "../crypto/seal.ts";
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

/** A pack in memory, with its keys: for who made it, until it is written. */
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

/**
 * A whole pack, in parts, with a key of its own. The records are shuffled, so that their lengths in order do not
 * spell a file that somebody knows.
 */
export function buildPack(
  records: readonly PackRecord[],
  { repositoryId, idKey, recipients, hash, random }: Sealing,
): Pack {
  const fileKey = random(32);
  const context = { magic: "LSRP", repositoryId, salt: random(32) } as const;
  const header = encodeHeader({ ...context, fileKey, idKey, recipients });
  const recordKey = deriveKey(fileKey, context.salt, "lsr1 record");
  const parts: Uint8Array[] = [header];
  const entries: Entry[] = [];
  let offset = header.length;
  for (const [ordinal, { bytes, ...record }] of shuffled(records, random).entries()) {
    const { codec, plainLength, base } = record;
    const place = { ...context, ordinal: BigInt(ordinal), codec, plainLength, ...(base && { bound: base }) };
    const sealed = seal(recordKey, bytes, place);
    parts.push(sealed);
    entries.push({ ...record, offset, length: bytes.length });
    offset += sealed.length;
  }
  const plain = padded(encodeEntries(entries), offset + tagBytes + footerBytes);
  const trailerPlace = {
    ...context,
    ordinal: trailerOrdinal,
    codec: codecId.sealed,
    plainLength: plain.length,
  };
  const trailer = seal(deriveKey(idKey, context.salt, "lsr1 trailer"), plain, trailerPlace);
  const footer = Buffer.alloc(footerBytes);
  footer.writeUInt32LE(trailer.length);
  footer.write(footerMagic, 4, "latin1");
  parts.push(trailer, footer);
  const length = offset + trailer.length + footerBytes;
  assert(length <= limits.pack && length % limits.packRounding === 0, "a pack within its limits");
  return { id: Buffer.from(digestOf(hash, parts)).toString("hex"), parts, length, entries, recordKey, idKey };
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
