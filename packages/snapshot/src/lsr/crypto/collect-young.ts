import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: ((options: { type: "minor" }) => void) | undefined;

/**
 * Frees the native keys of objects that were made a moment ago and are not used any more: OpenSSL clears a key when it is
 * freed, and Node frees it when its object is collected, which by itself may be hours later. Collects the young generation
 * only, about a millisecond; what became old before stays.
 */
export function collectYoung(): void {
  collect ??= exposed();
  collect?.({ type: "minor" });
}

/** Undefined where another thread hid it again at this moment: the next call gets it. */
function exposed(): typeof collect {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("globalThis.gc");
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
