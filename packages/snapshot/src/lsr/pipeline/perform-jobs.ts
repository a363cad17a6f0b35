import { createHash, type Hash } from "node:crypto";
import { assert } from "@locum/contracts/fault";
import { gearCut } from "../chunk/gear.ts";
import { choosePlan } from "../codec/choose-plan.ts";
import { decodeChunk } from "../codec/decode-chunk.ts";
import { encodeChunk } from "../codec/encode-chunk.ts";
import { corrupt } from "../corrupt.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import { sealInPlace, tagBytes, unseal } from "../crypto/seal.ts";
import { limits } from "../limits.ts";
import { encodePartsParity } from "../parity/encode-parity.ts";
import { createStripeSums, type StripeSums } from "../parity/stripe-sums.ts";
import { release } from "../release.ts";
import type { Job, JobKind, JobOf, RecordContext, ResultOf, SealedRecord } from "./job.ts";

/** What decides how a chunk without a tensor is encoded: its beginning. */
const sampleBytes = 64 << 10;

/**
 * Everything that a thread does, without the thread: the files that it has begun are all that it remembers.
 * @throws Fault snapshot-corrupt: a record is not what it should be
 */
export function createPerformer(hash: KeyedHash): (job: Job) => ResultOf<JobKind> {
  const digests = new Map<number, Hash>();
  let sums: StripeSums | undefined;

  function take({ file, bytes, cut, isFirst, isLast, idKey }: JobOf<"take">): ResultOf<"take"> {
    const digest = isFirst ? createHash("sha256") : digests.get(file);
    assert(digest, "a file is taken from its start, on one thread");
    digests.set(file, digest);
    const lengths = "table" in cut ? cutByContent(bytes, cut.table, isLast) : [...cut];
    const ids = new Uint8Array(32 * lengths.length);
    let at = 0;
    for (const [n, length] of lengths.entries()) {
      ids.set(hash.keyed(idKey, bytes.subarray(at, at + length)), 32 * n);
      at += length;
    }
    // Where nothing is asked to be cut, only the digest is.
    digest.update("table" in cut ? bytes.subarray(0, at) : bytes);
    if (isLast) digests.delete(file);
    return { ids, lengths, sha256: isLast ? digest.digest("hex") : null };
  }

  function chunkOf(key: Uint8Array, idKey: Uint8Array, context: RecordContext, record: SealedRecord) {
    const { sealed, chunkId, ordinal, codec, plainLength, bound, base } = record;
    const place = { ...context, ordinal: BigInt(ordinal), codec, plainLength, ...(bound && { bound }) };
    const bytes = unseal(key, sealed, place);
    const plain = decodeChunk({ codec, bytes, length: plainLength, ...(base && { base }) });
    if (plain.buffer !== bytes.buffer) release(bytes);
    if (Buffer.compare(hash.keyed(idKey, plain), chunkId) !== 0)
      throw corrupt(`the chunk of record ${ordinal} is not the one that its id names`);
    return plain;
  }

  function open({ key, idKey, context, record }: JobOf<"open">): Uint8Array {
    const plain = chunkOf(key, idKey, context, record);
    release(record.sealed);
    return plain;
  }

  return (job) => {
    switch (job.kind) {
      case "take":
        return take(job);
      case "drop":
        digests.delete(job.file);
        return null;
      case "identify":
        return hash.keyed(job.idKey, job.bytes);
      case "plan":
        return choosePlan(job.samples, job.dtype);
      case "encode":
        return encode(job);
      case "seal":
        return sealAll(job);
      case "name":
        return digestOf(hash, job.parts);
      case "parity":
        sums ??= createStripeSums();
        return encodePartsParity(job.parts, { ...job, hash, sums });
      case "verify":
        for (const record of job.records) release(chunkOf(job.key, job.idKey, job.context, record));
        return null;
      case "open":
        return open(job);
    }
  };
}

function encode({ bytes, plan, base, room, cursor }: JobOf<"encode">): ResultOf<"encode"> {
  const chosen = plan ?? choosePlan([bytes.subarray(0, sampleBytes)], "bytes");
  const encoded = encodeChunk(bytes, chosen, base ?? undefined);
  const { length } = encoded.bytes;
  const at = Atomics.add(cursor, 0, length + tagBytes);
  assert(at + length + tagBytes <= room.length, "room for the record, which was reserved");
  room.set(encoded.bytes, at);
  // What is stored as it is, is the caller's.
  if (encoded.bytes.buffer !== bytes.buffer) release(encoded.bytes);
  return { codec: encoded.codec, at, length };
}

function sealAll({ key, context, records }: JobOf<"seal">): null {
  for (const { bytes, ordinal, codec, plainLength, bound } of records)
    sealInPlace(key, bytes, {
      ...context,
      ordinal: BigInt(ordinal),
      codec,
      plainLength,
      ...(bound && { bound }),
    });
  return null;
}

function cutByContent(bytes: Uint8Array, table: Uint32Array, isLast: boolean): number[] {
  const lengths: number[] = [];
  // A file this small is one chunk whatever is in it, and of the last mebibyte only the file's end is known.
  for (let at = 0; at < bytes.length && (isLast || bytes.length - at >= limits.chunk); ) {
    const length = gearCut(bytes.subarray(at), table);
    lengths.push(length);
    at += length;
  }
  return lengths;
}
