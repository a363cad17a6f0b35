/**
 * BLAKE3-256 as LSR/1 uses it. A port, so that the native library, which a bundle may not carry, is handed in by who
 * starts the program. Pure: the same parts give the same 32 bytes; `parts` count as if joined.
 */
export type KeyedHash = {
  /** Without a key: names of stored files. */
  digest(parts: readonly Uint8Array[]): Uint8Array;
  /** With the id key (32 bytes): names of chunks. */
  keyed(key: Uint8Array, bytes: Uint8Array): Uint8Array;
};
