import type { IncomingMessage } from "node:http";

const floating = new Set(["FP16", "BF16", "FP32", "FP64"]);
const mark = "\u0001NaN";

type Output = { datatype?: unknown; data?: unknown; parameters?: { binary_data_size?: unknown } };

/**
 * The same v2 answer with NaN for every floating-point value: the word in JSON, as Python servers write it, all bits
 * set in binary. What is no such answer comes back as it was.
 */
export function withNaN(headers: IncomingMessage["headers"], body: Buffer): Buffer {
  const headBytes = Number(headers["inference-header-content-length"] ?? body.length);
  if (!(headBytes >= 0 && headBytes <= body.length)) return body;
  let document: { outputs?: unknown };
  try {
    document = JSON.parse(body.toString("utf8", 0, headBytes));
  } catch {
    return body;
  }
  if (!Array.isArray(document?.outputs)) return body;
  let at = headBytes;
  for (const output of document.outputs as Output[]) {
    const isFloat = floating.has(String(output?.datatype));
    const size = Number(output?.parameters?.binary_data_size ?? 0);
    if (isFloat && size > 0) body.fill(0xff, at, at + size);
    at += size;
    if (isFloat && Array.isArray(output.data)) output.data = output.data.flat(32).map(() => mark);
  }
  // The head of a binary answer has a length of its own, which must stay: there only the tail is changed.
  if (headBytes < body.length) return body;
  return Buffer.from(JSON.stringify(document).replaceAll(JSON.stringify(mark), "NaN"));
}
