import type { Headers } from "../http/exchange.ts";
import { plainBodySync } from "../http/plain-body.ts";

export const frameHeadBytes = 5;
const compressedFlag = 1;
const trailersFlag = 0x80;

export type FrameHead = { flags: number; length: number };

/** The head of a gRPC message: a byte of flags and a length, big endian. Undefined where not all of it is there. */
export function frameHead(bytes: Uint8Array, at = 0): FrameHead | undefined {
  if (at + frameHeadBytes > bytes.length) return undefined;
  const byte = (i: number) => bytes[at + i] ?? 0;
  return { flags: byte(0), length: ((byte(1) * 256 + byte(2)) * 256 + byte(3)) * 256 + byte(4) };
}

/**
 * The first whole message of a body, unfolded where it is compressed. Undefined where there is none, where it unfolds
 * past `bytesMax`, and for trailers in the body (gRPC-Web).
 */
export function firstMessage(headers: Headers, body: Uint8Array, bytesMax: number): Uint8Array | undefined {
  const head = frameHead(body);
  if (!head || frameHeadBytes + head.length > body.length) return undefined;
  return plainMessage(
    headers,
    { head, payload: body.subarray(frameHeadBytes, frameHeadBytes + head.length) },
    bytesMax,
  );
}

export function plainMessage(
  headers: Headers,
  { head, payload }: { head: FrameHead; payload: Uint8Array },
  bytesMax: number,
): Uint8Array | undefined {
  if (isTrailers(head) || payload.length > bytesMax) return undefined;
  if ((head.flags & compressedFlag) === 0) return payload;
  const plain = plainBodySync({ "content-encoding": headers["grpc-encoding"] }, payload, bytesMax);
  return "reason" in plain ? undefined : plain.body;
}

/** gRPC-Web sends the trailers as a last message. */
export function isTrailers({ flags }: FrameHead): boolean {
  return (flags & trailersFlag) !== 0;
}
