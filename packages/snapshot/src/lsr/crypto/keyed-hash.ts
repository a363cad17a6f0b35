/**
 * BLAKE3-256 as LSR/1 uses it. A port, so that the native library, which a bundle may not carry, is handed in by who
 * starts the program. Pure: the same bytes give the same 32 bytes.
 */
export type KeyedHash = {
  /** With the id key (32 bytes): names of chunks. */
  keyed(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** Without a key, over bytes that come in parts: names of stored files. One use each. */
  hasher(): { update(bytes: Uint8Array): void; digest(): Uint8Array };
};

export function digestOf(hash: KeyedHash, parts: Iterable<Uint8Array>): Uint8Array {
  const hasher = hash.hasher();
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}
