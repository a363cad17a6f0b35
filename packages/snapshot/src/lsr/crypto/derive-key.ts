import { createHmac } from "node:crypto";
import { wipe } from "./wipe.ts";

type Purpose =
  | "lsr1 commit"
  | "lsr1 record"
  | "lsr1 trailer"
  | "lsr1 index"
  | "lsr1 mac"
  | "lsr1 gear"
  | "lsr1 x25519";

/**
 * One secret, one salt and one purpose give one key of 32 bytes: HKDF-SHA-256 (RFC 5869), whose expansion is one block
 * then. Not by hkdfSync, which keeps a copy of the secret until garbage is collected.
 */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, purpose: Purpose): Uint8Array {
  const extracted = createHmac("sha256", salt).update(secret).digest();
  const { buffer, byteOffset, length } = createHmac("sha256", extracted).update(`${purpose}\u0001`).digest();
  wipe(extracted);
  return new Uint8Array(buffer, byteOffset, length);
}
