import type { Http2Stream } from "node:http2";

/**
 * Resets a stream. Node ends its writing side first and sends that end out before the reset: half an upload would
 * arrive as a whole one, and half an answer too. Here nothing is said but the code.
 */
export function resetStream(stream: Http2Stream, code: number): void {
  if (stream.destroyed || stream.closed) return;
  stream._final = (done) => done();
  stream.close(code);
}
