import { promisify } from "node:util";
import {
  brotliDecompress,
  brotliDecompressSync,
  gunzip,
  gunzipSync,
  inflate,
  inflateSync,
  zstdDecompress,
  zstdDecompressSync,
} from "node:zlib";
import type { Headers } from "./exchange.ts";

type Plain = { body: Buffer } | { reason: string };

/** A body without its content coding, at most `bytesMax` long whatever a small compressed body unfolds to. */
export async function plainBody(headers: Headers, body: Buffer, bytesMax: number): Promise<Plain> {
  const coding = codingOf(headers);
  if (coding === "identity" || body.length === 0) return { body };
  const decoder = decoders[coding];
  if (!decoder) return unknownCoding(coding);
  return decoder.later(body, { maxOutputLength: bytesMax }).then(
    (plain) => ({ body: plain }),
    (error) => malformed(coding, error),
  );
}

/** The same for small bodies that are at hand in the data path. */
export function plainBodySync(headers: Headers, body: Uint8Array, bytesMax: number): Plain {
  const coding = codingOf(headers);
  if (coding === "identity" || body.length === 0) return { body: asBuffer(body) };
  const decoder = decoders[coding];
  if (!decoder) return unknownCoding(coding);
  try {
    return { body: decoder.now(body, { maxOutputLength: bytesMax }) };
  } catch (error) {
    return malformed(coding, error);
  }
}

type Limit = { maxOutputLength: number };
type Decoder = {
  later(body: Uint8Array, limit: Limit): Promise<Buffer>;
  now(body: Uint8Array, limit: Limit): Buffer;
};
const gzip: Decoder = { later: promisify(gunzip), now: gunzipSync };
const decoders: Record<string, Decoder | undefined> = {
  gzip,
  "x-gzip": gzip,
  deflate: { later: promisify(inflate), now: inflateSync },
  br: { later: promisify(brotliDecompress), now: brotliDecompressSync },
  zstd: { later: promisify(zstdDecompress), now: zstdDecompressSync },
};

function codingOf(headers: Headers): string {
  const value = headers["content-encoding"];
  const name = (Array.isArray(value) ? value.join(",") : (value ?? "")).trim().toLowerCase();
  return name === "" ? "identity" : name;
}

function unknownCoding(coding: string): Plain {
  return { reason: `unknown content-encoding ${JSON.stringify(coding.slice(0, 40))}` };
}

function malformed(coding: string, error: unknown): Plain {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ERR_BUFFER_TOO_LARGE") return { reason: `${coding} body unfolds past the limit` };
  return { reason: `malformed ${coding} body` };
}

function asBuffer(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
