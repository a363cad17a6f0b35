import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { deflate, gunzip, gzip, inflate } from "node:zlib";
import { Refusal } from "./refusal.ts";

/** The whole request body, without its content coding, within `bytesMax` before and after decoding. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLarge = new Refusal(413, `request body over ${bytesMax} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge;
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks, length);
  const coding = request.headers["content-encoding"];
  if (coding === undefined || coding === "identity") return body;
  const decode = decoders[coding];
  if (!decode) throw new Refusal(415, `content-encoding '${coding}' is not supported`);
  return decode(body, { maxOutputLength: bytesMax }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ERR_BUFFER_TOO_LARGE" ? tooLarge : new Refusal(400, `malformed ${coding} body`);
  });
}

/** The body in a content coding that the client accepts, gzip before deflate. */
export async function compressed(
  body: Buffer,
  acceptEncoding: string | undefined,
): Promise<{ body: Buffer; coding?: "gzip" | "deflate" }> {
  const accepted = (acceptEncoding ?? "").split(",").map((part) => part.trim().split(/\s*;\s*/));
  const takes = (name: string) =>
    accepted.some(([coding, quality]) => coding === name && !/^q=0(\.0*)?$/.test(quality ?? ""));
  if (takes("gzip")) return { body: await promisify(gzip)(body), coding: "gzip" };
  if (takes("deflate")) return { body: await promisify(deflate)(body), coding: "deflate" };
  return { body };
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

export function sendText(response: ServerResponse, status: number, text = ""): void {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

const decoders: Record<
  string,
  ((body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>) | undefined
> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
};
