import { createPrivateKey, type KeyObject } from "node:crypto";
import { seededRandom } from "../../testing/random.ts";
import { encodeChunk, type Plan } from "../codec/encode-chunk.ts";
import { type KeyOpener, keyOpener } from "../crypto/key-opener.ts";
import { recipientOf } from "../crypto/recipient.ts";
import type { PackRecord, Sealing } from "../pack/build-pack.ts";
import { referenceHash } from "./blake3-reference.ts";

/** An X25519 private key from a seed: the DER of one is a fixed beginning and its 32 bytes. */
export const privateKeyOf = (seed: number): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), seededBytes(seed)(32)]),
    format: "der",
    type: "pkcs8",
  });

export function seededBytes(seed: number): (length: number) => Uint8Array {
  const random = seededRandom(seed);
  return (length) => Uint8Array.from({ length }, () => random() * 256);
}

export const openerOf = (seed: number): KeyOpener => keyOpener(privateKeyOf(seed));

export const privateKey = privateKeyOf(11);
export const opener = keyOpener(privateKey);

export const sealing: Sealing = {
  repositoryId: seededBytes(1)(32),
  idKey: seededBytes(2)(32),
  recipients: [recipientOf(privateKey), recipientOf(privateKeyOf(12))],
  hash: referenceHash,
  random: seededBytes(3),
};

export function recordOf(plain: Uint8Array, plan: Plan = { kind: "zstd" }, base?: Uint8Array): PackRecord {
  const { keyed } = sealing.hash;
  const { codec, bytes } = encodeChunk(plain, plan, base);
  const record = { chunkId: keyed(sealing.idKey, plain), codec, bytes, plainLength: plain.length };
  return codec === 4 && base ? { ...record, base: keyed(sealing.idKey, base) } : record;
}
