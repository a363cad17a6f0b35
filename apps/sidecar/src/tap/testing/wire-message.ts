/** One HTTP/1.1 message cut out of a stream: its head as it stood, its body without chunk framing. */
export type WireMessage = { head: string; body: Buffer; trailers: string; bytes: number };

/** Undefined while the message is incomplete. `toClose`: a body without a told length ends with the stream. */
export function readMessage(
  stream: Buffer,
  { toClose = false, bodyless = false }: { toClose?: boolean; bodyless?: boolean } = {},
): WireMessage | undefined {
  const headEnd = stream.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = stream.toString("latin1", 0, headEnd);
  const from = headEnd + 4;
  if (bodyless) return { head, body: Buffer.alloc(0), trailers: "", bytes: from };
  if (/^transfer-encoding:.*chunked/im.test(head)) return readChunks(stream, head, from);
  const declared = /^content-length: *(\d+)/im.exec(head)?.[1];
  const length = declared === undefined ? (toClose ? stream.length - from : 0) : Number(declared);
  if (stream.length < from + length) return undefined;
  return { head, body: stream.subarray(from, from + length), trailers: "", bytes: from + length };
}

/** The head without what belongs to one connection: what two ways to the same server must have in common. */
export function endToEndHead(head: string): string {
  const lines = head
    .split("\r\n")
    .filter((line) => !/^(?:connection|keep-alive|transfer-encoding):/i.test(line));
  return lines.join("\r\n");
}

function readChunks(stream: Buffer, head: string, from: number): WireMessage | undefined {
  const pieces: Buffer[] = [];
  for (let at = from; ; ) {
    const lineEnd = stream.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(stream.toString("latin1", at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) {
      const rest = stream.toString("latin1", at);
      const end = rest.startsWith("\r\n") ? 0 : rest.indexOf("\r\n\r\n");
      if (end < 0 || (end === 0 && !rest.startsWith("\r\n"))) return undefined;
      const trailers = rest.slice(0, end);
      return { head, body: Buffer.concat(pieces), trailers, bytes: at + end + (end === 0 ? 2 : 4) };
    }
    if (stream.length < at + size + 2) return undefined;
    pieces.push(stream.subarray(at, at + size));
    at += size + 2;
  }
}
