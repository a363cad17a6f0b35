import { assert } from "@locum/contracts";
import { codecId } from "../codec/codec-id.ts";
import { corrupt } from "../corrupt.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import { digestOf } from "../crypto/keyed-hash.ts";
import { seal, tagBytes, unseal } from "../crypto/seal.ts";
import { limits } from "../limits.ts";
import { type Entry, encodedBytes, encodeEntries, parseEntries } from "../pack/entries.ts";
import type { Repository } from "./repository.ts";

export type PackEntries = { pack: string; entries: readonly Entry[] };

type Keys = Pick<Repository, "repositoryId" | "idKey">;

const magic = "LSRI";
const headBytes = 72;
const packHead = 32;

export const segmentPath = (id: string): string => `idx/${id}.ix`;

/** A copy of what the trailers of these packs say. */
export function sealSegment(
  packs: readonly PackEntries[],
  { repositoryId, idKey, hash, random }: Pick<Repository, "repositoryId" | "idKey" | "hash" | "random">,
): { id: string; bytes: Uint8Array } {
  const salt = random(32);
  const head = Buffer.alloc(headBytes);
  head.write(magic, "latin1");
  head[4] = 1;
  head.set(repositoryId, 8);
  head.set(salt, 40);
  const plain = Buffer.concat(
    packs.flatMap(({ pack, entries }) => [Buffer.from(pack, "hex"), encodeEntries(entries)]),
  );
  const place = { ...placeOf({ repositoryId, salt }), plainLength: plain.length };
  const bytes = Buffer.concat([head, seal(deriveKey(idKey, salt, "lsr1 index"), plain, place)]);
  assert(bytes.length <= limits.segment, "an index segment within its limit");
  return { id: Buffer.from(digestOf(hash, [bytes])).toString("hex"), bytes };
}

/**
 * Pack by pack, so that no more than one pack's entries are objects at once.
 * @throws Fault snapshot-corrupt: changed, torn, of another repository or id key
 */
export function* openSegment(bytes: Uint8Array, { repositoryId, idKey }: Keys): Generator<PackEntries> {
  if (bytes.length < headBytes + tagBytes || bytes.length > limits.segment)
    throw corrupt(`an index segment of ${bytes.length} bytes`);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, headBytes);
  const known = Buffer.from([...Buffer.from(magic, "latin1"), 1, 0, 0, 0]);
  if (!head.subarray(0, 8).equals(known)) throw corrupt("no index segment of version 1");
  if (!head.subarray(8, 40).equals(repositoryId)) throw corrupt("an index segment of another repository");
  const salt = head.subarray(40, headBytes);
  const sealed = bytes.subarray(headBytes);
  const place = { ...placeOf({ repositoryId, salt }), plainLength: sealed.length - tagBytes };
  const plain = unseal(deriveKey(idKey, salt, "lsr1 index"), sealed, place);
  for (let at = 0; at < plain.length; ) {
    if (at + packHead > plain.length) throw corrupt("an index segment that ends within a pack's id");
    const pack = Buffer.from(plain.subarray(at, at + packHead)).toString("hex");
    const parsed = parseEntries(plain, { at: at + packHead });
    yield { pack, entries: parsed.entries };
    at = parsed.at;
  }
}

/**
 * Segments are written in this size, of the 64 MiB that a reader takes: sealing or reading one is a moment of work, and
 * describes some 80 GB of weights.
 */
export const segmentTarget = 4 << 20;

/** Groups of packs, each for one segment. A pack alone may be above the target: a trailer has up to 16 MiB. */
export function* inSegments(packs: Iterable<PackEntries>): Generator<PackEntries[]> {
  let [group, bytes]: [PackEntries[], number] = [[], 0];
  for (const each of packs) {
    const more = packHead + encodedBytes(each.entries);
    if (group.length > 0 && bytes + more > segmentTarget) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(each);
    bytes += more;
  }
  if (group.length > 0) yield group;
}

const placeOf = ({ repositoryId, salt }: { repositoryId: Uint8Array; salt: Uint8Array }) => ({
  magic,
  repositoryId,
  salt,
  ordinal: 0n,
  codec: codecId.sealed,
});
