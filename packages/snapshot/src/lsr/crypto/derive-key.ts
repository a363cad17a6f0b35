import { hkdfSync } from "node:crypto";

type Purpose =
  | "lsr1 commit"
  | "lsr1 record"
  | "lsr1 trailer"
  | "lsr1 index"
  | "lsr1 mac"
  | "lsr1 gear"
  | "lsr1 x25519";

/** One secret, one salt and one purpose give one key of 32 bytes: HKDF-SHA-256 (RFC 5869). */
export const deriveKey = (secret: Uint8Array, salt: Uint8Array, purpose: Purpose): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, salt, purpose, 32));
