import { isUtf8 } from "node:buffer";
import { Fault, type FaultCode } from "@locum/contracts";
import { LooseReader } from "./loose-reader.ts";
import { weighJson } from "./weigh-json.ts";

/** As text, JSON is twice as long in memory where one of its characters is wide. */
const textBytesMax = 16 * 1024 * 1024;
/** A good third of a sidecar's heap (64 MB): some 750 000 numbers, or 100 000 objects of one key. */
const heapBytesMax = 24 * 1024 * 1024;
const depthMax = 512;

/**
 * JSON as model servers really write it: `NaN`, `Infinity` and `-Infinity` (and C's `nan` and `inf`) count as numbers,
 * as Python's json and Triton write them. Strict JSON takes the engine's own parser.
 *
 * Bounded in bytes, in what its values take of the heap, and in depth: two bytes of JSON may be thirty times as many
 * in memory, and running out of it ends the process. Throws a Fault with `code`, which says whose fault a text is that
 * is malformed or too much.
 */
export function readJson(bytes: Uint8Array, code: FaultCode): unknown {
  if (bytes.byteLength > textBytesMax) throw new Fault(code, `JSON of more than ${textBytesMax} bytes`);
  if (!isUtf8(bytes)) throw new Fault(code, "not JSON: not UTF-8");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  return readJsonText(text.replace(/^\uFEFF/, ""), code);
}

/** The same of a text that is at hand. */
export function readJsonText(text: string, code: FaultCode): unknown {
  // Neither deeper, for every bracket is closed again, nor large: events of streams are as short as this.
  const { heapBytes, depth } = text.length <= 2 * depthMax ? { heapBytes: 0, depth: 0 } : weighJson(text);
  if (depth > depthMax) throw new Fault(code, `JSON nested deeper than ${depthMax}`);
  if (heapBytes > heapBytesMax)
    throw new Fault(code, `JSON of more values than fit into ${heapBytesMax} bytes of memory`);
  try {
    return JSON.parse(text);
  } catch {
    return new LooseReader(text, code).document();
  }
}
