import { append, type GrowingBytes } from "../growing-bytes.ts";
import { type FrameHead, frameHead, frameHeadBytes, isTrailers, plainMessage } from "../grpc/frames.ts";
import { walkMessage, wireBytes } from "../grpc/proto-walk.ts";
import type { Headers } from "../http/exchange.ts";
import type { WireDefect, WireStream } from "../wire.ts";
import { grpcNonFinite } from "./non-finite.ts";
import { text } from "./outputs.ts";

/**
 * Reads the messages of a ModelStreamInfer answer as they pass. A message over `bytesMax` is counted and not kept. An
 * `error_message` in a message is the server's own word to its client, no defect. A cut needs no last word: without
 * trailers no client takes a stream for whole.
 */
export function openGrpcStream(headers: Headers, bytesMax: number): WireStream {
  let items = 0;
  let partOfHead: Uint8Array = new Uint8Array();
  let partial: Partial | undefined;

  function ended(head: FrameHead, payload: Uint8Array): WireDefect | undefined {
    if (isTrailers(head)) return undefined;
    items++;
    if (payload.length < head.length) return undefined;
    const message = plainMessage(headers, { head, payload }, bytesMax);
    return message && grpcNonFinite(inferResponseOf(message));
  }

  function push(piece: Uint8Array): WireDefect | undefined {
    let defect: WireDefect | undefined;
    let rest = partOfHead.length === 0 ? piece : Buffer.concat([partOfHead, piece]);
    partOfHead = new Uint8Array();
    for (;;) {
      if (!partial) {
        const head = frameHead(rest);
        // Copies of what is kept: the piece may be a view of a buffer that is used again.
        if (!head) partOfHead = Uint8Array.from(rest);
        if (!head) return defect;
        partial = { head, bytes: 0, kept: { buffer: Buffer.alloc(0), length: 0 } };
        rest = rest.subarray(frameHeadBytes);
      }
      const { head, bytes } = partial;
      const mine = rest.subarray(0, head.length - bytes);
      rest = rest.subarray(mine.length);
      partial.bytes += mine.length;
      const isInOnePiece = bytes === 0 && mine.length === head.length;
      if (!isInOnePiece && head.length <= bytesMax) append(partial.kept, mine, head.length);
      if (partial.bytes < head.length) return defect;
      const { buffer, length } = partial.kept;
      const found = ended(head, isInOnePiece ? mine : buffer.subarray(0, length));
      defect ??= found;
      partial = undefined;
    }
  }

  return { push, end: () => undefined, items: () => items, cut: () => undefined };
}

/** A message of which a part has come. Of one over the limit nothing is kept but the count. */
type Partial = { head: FrameHead; bytes: number; kept: GrowingBytes };

/**
 * Triton wraps each answer in a message with `error_message` (1) and `infer_response` (2); MLServer streams the
 * ModelInferResponse itself, whose first two fields are texts and whose outputs have numbers that the wrapper lacks.
 */
export function inferResponseOf(message: Uint8Array): Uint8Array {
  let wrapped: Uint8Array | undefined;
  let isPlain = false;
  walkMessage(message, {}, (field, wire, from, to) => {
    if (field > 2) isPlain = true;
    if (field === 2 && wire === wireBytes) wrapped = message.subarray(from, to);
  });
  return isPlain || !wrapped ? message : wrapped;
}

/** The server's own error in a message of Triton's stream. */
export function errorMessageOf(message: Uint8Array): string | undefined {
  let said: string | undefined;
  let isPlain = false;
  walkMessage(message, {}, (field, wire, from, to) => {
    if (field > 2) isPlain = true;
    if (field === 1 && wire === wireBytes && to > from) said = text(message, from, to);
  });
  return isPlain ? undefined : said;
}
