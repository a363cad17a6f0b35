import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";

export type GrpcSaid = {
  headers: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders;
  /** The status stood in the head, and there was nothing else. */
  headOnly: boolean;
  /** Each with its five bytes in front, as far as they came. */
  body: Buffer;
  resetCode: number;
};
export type GrpcAsked = {
  path: string;
  messages?: readonly Buffer[];
  headers?: Record<string, string | string[]>;
  /** Each message is sent in pieces of so many bytes. */
  pieceBytes?: number;
  compressed?: boolean;
};
export type GrpcClient = { send(asked: GrpcAsked): Promise<GrpcSaid>; close(): void };

const timeoutMs = 15_000;

/** A client of gRPC that is no library: it repeats nothing, hides nothing, and gives what the wire says. */
export function grpcClient(address: string): GrpcClient {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: 16_777_216 } });
  session.on("error", () => undefined);
  return { send: (asked) => send(session, asked), close: () => session.destroy() };
}

/** A message as gRPC frames it. */
export function framed(message: Buffer, { compressed = false }: { compressed?: boolean } = {}): Buffer {
  const content = compressed ? gzipSync(message) : message;
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

function send(
  session: ClientHttp2Session,
  { path, messages = [], headers = {}, pieceBytes = Number.POSITIVE_INFINITY, compressed = false }: GrpcAsked,
): Promise<GrpcSaid> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      te: "trailers",
      "content-type": "application/grpc",
      ...(compressed ? { "grpc-encoding": "gzip" } : {}),
      ...headers,
    });
    const said = { headers: {}, trailers: {}, headOnly: false } as Omit<GrpcSaid, "body" | "resetCode">;
    const body: Buffer[] = [];
    stream.setTimeout(timeoutMs, () => {
      reject(new Error(`no answer within ${timeoutMs} ms`));
      stream.close();
    });
    stream.on("response", (head, flags) => {
      said.headers = head;
      said.headOnly = (flags & endsStream) !== 0;
    });
    stream.on("trailers", (trailers) => {
      said.trailers = trailers;
    });
    stream.on("data", (chunk: Buffer) => body.push(chunk));
    stream.on("error", (error) => {
      if (stream.rstCode === 0) reject(error);
    });
    stream.on("close", () => resolve({ ...said, body: Buffer.concat(body), resetCode: stream.rstCode ?? 0 }));
    const all = Buffer.concat(messages.map((message) => framed(message, { compressed })));
    for (let at = 0; at < all.length; at += Math.min(pieceBytes, all.length))
      stream.write(all.subarray(at, at + pieceBytes));
    stream.end();
  });
}

const endsStream = 1;
