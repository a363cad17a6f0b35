import { createHash } from "node:crypto";
import { assert } from "@locum/contracts/fault";
import { gearCut } from "../chunk/gear.ts";
import { choosePlan } from "../codec/choose-plan.ts";
import { decodeChunk } from "../codec/decode-chunk.ts";
import { encodeInPlace } from "../codec/encode-chunk.ts";
import { corrupt } from "../corrupt.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import { sealInPlace, tagBytes, unseal } from "../crypto/seal.ts";
import { kernels, places } from "../kernels/kernels.ts";
import { limits } from "../limits.ts";
import { encodePartsParity } from "../parity/encode-parity.ts";
import { createStripeSums, type StripeSums } from "../parity/stripe-sums.ts";
import { release } from "../release.ts";
import type { DigestName, Job, JobKind, JobOf, RecordContext, ResultOf, Sealable } from "./job.ts";

/** What decides how a chunk without a tensor is encoded: its beginning. */
const sampleBytes = 64 << 10;

const recordBytesMax = limits.chunk + limits.recordOverhead + tagBytes;

type Digest = { update(bytes: Uint8Array): void; hex(): string };

/**
 * Everything that a thread does, without the thread: the files that it has begun are all that it remembers.
 * @throws Fault snapshot-corrupt: a record is not what it should be
 */
export function createPerformer(hash: KeyedHash): (job: Job) => ResultOf<JobKind> {
  const digests = new Map<number, Digest>();
  let sums: StripeSums | undefined;
  let read: Uint8Array | undefined;
  // Where the codec of most chunks wants what it decodes.
  const opened = kernels().bytes.subarray(places.output, places.output + recordBytesMax);

  function digestNamed(name: DigestName): Digest {
    if (name === "blake3") {
      const hasher = hash.hasher();
      return { update: hasher.update, hex: () => Buffer.from(hasher.digest()).toString("hex") };
    }
    const hasher = createHash("sha256");
    return { update: (bytes) => void hasher.update(bytes), hex: () => hasher.digest("hex") };
  }

  function take({ file, bytes, cut, digest: name, isFirst, isLast, idKey }: JobOf<"take">): ResultOf<"take"> {
    const digest = isFirst ? digestNamed(name) : digests.get(file);
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
    return { ids, lengths, digest: isLast ? digest.hex() : null };
  }

  function chunkOf({ key, idKey, context, record, room }: JobOf<"open">): Uint8Array {
    const { sealed, chunkId, ordinal, codec, plainLength, bound, base } = record;
    const place = { ...context, ordinal: BigInt(ordinal), codec, plainLength, ...(bound && { bound }) };
    if (sealed.length > opened.length) throw corrupt(`a record of ${sealed.length} bytes`);
    const bytes = unseal(key, sealed, place, opened);
    const plain = decodeChunk({
      codec,
      bytes,
      length: plainLength,
      ...(base && { base }),
      ...(room && { room }),
    });
    if (Buffer.compare(hash.keyed(idKey, plain), chunkId) !== 0)
      throw corrupt(`the chunk of record ${ordinal} is not the one that its id names`);
    return plain;
  }

  function open(job: JobOf<"open">): Uint8Array | null {
    const plain = chunkOf(job);
    release(job.record.sealed);
    if (job.room) return null;
    return plain.buffer === opened.buffer ? plain.slice() : plain;
  }

  /** Each is read back into the same room of this thread's own: nobody wants the chunks. */
  function finish({ key, idKey, context, records }: JobOf<"finish">): null {
    read ??= new Uint8Array(limits.chunk);
    for (const { sealing, reading } of records) {
      sealRecord(sealing, key, context);
      chunkOf({ key, idKey, context, record: reading, room: read });
    }
    return null;
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
        return plan(job);
      case "encode":
        return encode(job);
      case "finish":
        return finish(job);
      case "name":
        return digestOf(hash, job.parts);
      case "parity":
        sums ??= createStripeSums();
        return encodePartsParity(job.parts, { ...job, hash, sums });
      case "open":
        return open(job);
    }
  };
}

function plan({ samples, dtype }: JobOf<"plan">): ResultOf<"plan"> {
  const chosen = choosePlan(samples, dtype);
  for (const sample of samples) release(sample);
  return chosen;
}

function encode({ bytes, plan, base, room, cursor }: JobOf<"encode">): ResultOf<"encode"> {
  const chosen = plan ?? choosePlan([bytes.subarray(0, sampleBytes)], "bytes");
  const encoded = encodeInPlace(bytes, chosen, base ?? undefined);
  const { length } = encoded.bytes;
  const at = Atomics.add(cursor, 0, length + tagBytes);
  assert(at + length + tagBytes <= room.length, "room for the record, which was reserved");
  room.set(encoded.bytes, at);
  // What is stored as it is, is the caller's; the kernels' memory is larger than any result, and stays.
  if (encoded.bytes.buffer !== bytes.buffer) release(encoded.bytes);
  return { codec: encoded.codec, at, length };
}

function sealRecord(
  { bytes, ordinal, codec, plainLength, bound }: Sealable,
  key: Uint8Array,
  context: RecordContext,
): void {
  const place = { ...context, ordinal: BigInt(ordinal), codec, plainLength };
  sealInPlace(key, bytes, { ...place, ...(bound && { bound }) });
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
