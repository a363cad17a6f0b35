import { createRequire } from "node:module";
import { Fault } from "@locum/contracts/fault";
import type { KeyedHash } from "./keyed-hash.ts";

/** BLAKE3 by the library's native code: seven times as fast as WebAssembly. @throws Fault refused: it is not installed */
export const nativeHash: KeyedHash = {
  keyed: (key, bytes) => native().newKeyed(Buffer.from(key)).update(bytes).digestBuffer(),
  hasher() {
    const hasher = new (native())();
    return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digestBuffer() };
  },
};

type Native = typeof import("@napi-rs/blake-hash").Blake3Hasher;

let loaded: Native | undefined;

/** Loaded at the first hash, and not by an import: a bundle is one file of text and cannot carry native code. */
function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  try {
    return createRequire(import.meta.url)("@napi-rs/blake-hash").Blake3Hasher;
  } catch (cause) {
    throw new Fault("refused", "the native BLAKE3 library is not beside this program", {
      hint: "Run Locum from its installed packages: a single-file bundle does not carry @napi-rs/blake-hash.",
      cause,
    });
  }
}
