import { Blake3Hasher } from "@napi-rs/blake-hash";
import type { KeyedHash } from "./keyed-hash.ts";

/** BLAKE3 by the library's native code: seven times as fast as WebAssembly. */
export const nativeHash: KeyedHash = {
  keyed: (key, bytes) => Blake3Hasher.newKeyed(Buffer.from(key)).update(bytes).digestBuffer(),
  hasher() {
    const hasher = new Blake3Hasher();
    return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digestBuffer() };
  },
};
