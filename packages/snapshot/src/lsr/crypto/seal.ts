import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from "node:crypto";
import { corrupt } from "../corrupt.ts";
import { release } from "../release.ts";

export const tagBytes = 16;

/** What a sealed piece is, so that it opens in no other place. All of it is additional data of the cipher. */
export type SealContext = {
  magic: string;
  repositoryId: Uint8Array;
  salt: Uint8Array;
  ordinal: bigint;
  codec: number;
  plainLength: number;
  /** 32 bytes: a delta's base, a manifest's stub; zeros where nothing else is bound. */
  bound?: Uint8Array;
};

/** Ciphertext || tag. The caller never seals two things with one key and ordinal. */
export function seal(key: Uint8Array, bytes: Uint8Array, context: SealContext): Uint8Array {
  const cipher = cipherOf(key, context);
  return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** The same over the bytes themselves: all but the last 16 of `room` are sealed, and these become the tag. */
export function sealInPlace(key: Uint8Array, room: Uint8Array, context: SealContext): void {
  const cipher = cipherOf(key, context);
  const end = room.length - tagBytes;
  inPieces(cipher, room.subarray(0, end), room);
  cipher.final();
  room.set(cipher.getAuthTag(), end);
}

/**
 * Whatever a cipher gives has memory of its own. Pieces of one size find the last one's place again; results as long as
 * records, no two alike, left holes that came to 60 MB.
 */
const pieceBytes = 64 << 10;

function inPieces(cipher: CipherGCM | DecipherGCM, bytes: Uint8Array, room: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = cipher.update(bytes.subarray(at, at + pieceBytes));
    room.set(piece, at);
    release(piece);
  }
}

function cipherOf(key: Uint8Array, context: SealContext): CipherGCM {
  const cipher = createCipheriv("aes-256-gcm", key, nonceOf(context));
  cipher.setAAD(additionalData(context));
  return cipher;
}

/**
 * Into memory of its own, or to the start of `room`, where there is something even if it throws.
 * @throws Fault snapshot-corrupt: changed, truncated, another key, or meant for another place
 */
export function unseal(
  key: Uint8Array,
  sealed: Uint8Array,
  context: SealContext,
  room?: Uint8Array,
): Uint8Array {
  if (sealed.length < tagBytes) throw corrupt("a sealed piece shorter than its tag");
  const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(context), { authTagLength: tagBytes });
  decipher.setAAD(additionalData(context));
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const body = sealed.subarray(0, sealed.length - tagBytes);
  try {
    if (room) inPieces(decipher, body, room);
    const bytes = room?.subarray(0, body.length) ?? decipher.update(body);
    // Nothing of GCM is left for the end, but whether the tag is right.
    decipher.final();
    return bytes;
  } catch (error) {
    throw corrupt(`piece ${context.ordinal} of a ${context.magic} file does not open`, error);
  }
}

function nonceOf({ ordinal }: SealContext): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(ordinal);
  return nonce;
}

function additionalData({
  magic,
  repositoryId,
  salt,
  ordinal,
  codec,
  plainLength,
  bound,
}: SealContext): Uint8Array {
  const data = Buffer.alloc(114);
  data.write(magic, 0, "latin1");
  data[4] = 1;
  data[5] = codec;
  data.set(repositoryId, 6);
  data.set(salt, 38);
  data.writeBigUInt64LE(ordinal, 70);
  data.writeUInt32LE(plainLength, 78);
  if (bound) data.set(bound, 82);
  return data;
}
