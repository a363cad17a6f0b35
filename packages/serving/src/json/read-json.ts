import { isUtf8 } from "node:buffer";
import { Fault, type FaultCode } from "@locum/contracts";
import { LooseReader } from "./loose-reader.ts";

const containersMax = 1_000_000;

/**
 * JSON as model servers really write it: `NaN`, `Infinity` and `-Infinity` (and C's `nan` and `inf`) count as numbers,
 * as Python's json and Triton write them. Strict JSON takes the engine's own parser.
 *
 * Bounded: a body over 1 MiB may hold a million arrays and objects, since an empty one costs thirty times its two
 * bytes in memory. Throws a Fault with `code`, which says whose fault a malformed text is.
 */
export function readJson(bytes: Uint8Array, code: FaultCode): unknown {
  if (!isUtf8(bytes)) throw new Fault(code, "not JSON: not UTF-8");
  if (bytes.byteLength > 1_048_576 && countContainers(bytes) > containersMax) {
    throw new Fault(code, `JSON with more than ${containersMax} arrays and objects`);
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("utf8")
    .replace(/^\uFEFF/, "");
  return readJsonText(text, code);
}

/** The same of a text that is at hand and bounded. */
export function readJsonText(text: string, code: FaultCode): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return new LooseReader(text, code).document();
  }
}

function countContainers(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === 0x5b || byte === 0x7b) count++;
  return count;
}
