import { createRequire } from "node:module";
import { blake3 } from "@noble/hashes/blake3.js";
import type { KeyedHash } from "./keyed-hash.ts";

/** The same hash in JavaScript, for where no native code goes: a program of one file, a platform without a build of it. */
export const portableHash: KeyedHash = {
  keyed: (key, bytes) => blake3(bytes, { key }),
  hasher() {
    const hasher = blake3.create({});
    return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest() };
  },
};

/** BLAKE3 by the library's native code, many times as fast as any other way; by `portableHash` where it does not load. */
export const nativeHash: KeyedHash = {
  keyed: (key, bytes) => fastest().keyed(key, bytes),
  hasher: () => fastest().hasher(),
};

let loaded: KeyedHash | undefined;

/** Loaded at the first hash, and not by an import: a bundle finds native code beside itself or not at all. */
function fastest(): KeyedHash {
  loaded ??= load() ?? portableHash;
  return loaded;
}

function load(): KeyedHash | undefined {
  try {
    const { Blake3Hasher } = createRequire(import.meta.url)(
      "@napi-rs/blake-hash",
    ) as typeof import("@napi-rs/blake-hash");
    let last: { key: Buffer; hasher: InstanceType<typeof Blake3Hasher> } | undefined;
    return {
      // One is used again as long as the key is the same: each has two kilobytes that no collector of garbage sees.
      keyed(key, bytes) {
        if (!last?.key.equals(key)) {
          const own = Buffer.from(key);
          last = { key: own, hasher: Blake3Hasher.newKeyed(own) };
        }
        last.hasher.reset();
        return last.hasher.update(bytes).digestBuffer();
      },
      hasher() {
        const hasher = new Blake3Hasher();
        return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digestBuffer() };
      },
    };
  } catch {
    return undefined;
  }
}
