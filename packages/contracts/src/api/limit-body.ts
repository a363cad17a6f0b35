import type { MiddlewareHandler } from "hono";
import { Fault } from "../fault.ts";

/**
 * Refuses a body that is longer than so many bytes. One that does not say its length is read here, to be known before
 * anything else reads it: hono's own limit copies a request that is not of the global class, which throws.
 */
export function limitBody(bytesMax: number): MiddlewareHandler {
  const refuse = (): never => {
    throw new Fault("body-too-large", `the body is larger than ${bytesMax} bytes`);
  };
  return async (context, next) => {
    const { raw } = context.req;
    const length = raw.headers.get("content-length");
    if (length !== null && !raw.headers.has("transfer-encoding")) {
      if (Number(length) > bytesMax) refuse();
      return next();
    }
    if (raw.body === null) return next();
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const chunk of raw.body) {
      size += chunk.length;
      if (size > bytesMax) refuse();
      chunks.push(chunk);
    }
    const { method, headers, signal } = raw;
    context.req.raw = new Request(raw.url, { method, headers, signal, body: new Blob(chunks) });
    return next();
  };
}
