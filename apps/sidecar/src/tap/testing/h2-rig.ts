import {
  type ClientHttp2Session,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { listen } from "./raw-upstream.ts";

export type H2Server = {
  address: string;
  port: number;
  streams: ServerHttp2Stream[];
  sessions: Set<ServerHttp2Session>;
  close(): Promise<void>;
};

/** A server of bare HTTP/2: the test writes every frame of the answer. */
export async function startH2(
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<H2Server> {
  const streams: ServerHttp2Stream[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ maxSessionMemory: 1_000 });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    streams.push(stream);
    answer(stream, headers);
  });
  const port = await listen(server);
  return {
    address: `127.0.0.1:${port}`,
    port,
    streams,
    sessions,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

/** Answers with one message and a status, as gRPC does. */
export function grpcAnswer(
  stream: ServerHttp2Stream,
  { message = "ok", status = "0" }: { message?: string; status?: string } = {},
): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
  stream.end(frame(message));
}

export function frame(message: string | Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(message), 1);
  return Buffer.concat([head, Buffer.from(message)]);
}

export type H2Said = {
  headers: IncomingHttpHeaders | undefined;
  trailers: IncomingHttpHeaders | undefined;
  body: string;
  rstCode: number;
  /** The reading side ended without a reset. */
  whole: boolean;
};

export const grpcCall = (path = "/infer.Test/Unary"): OutgoingHttpHeaders => ({
  ":method": "POST",
  ":path": path,
  "content-type": "application/grpc",
  te: "trailers",
});

/** One request on a session, and all that came of it. */
export function h2Ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders = grpcCall(),
  body: Buffer | undefined = frame("x"),
): Promise<H2Said> {
  return new Promise((resolve) => {
    const stream = session.request(headers, { endStream: body === undefined });
    const said: H2Said = { headers: undefined, trailers: undefined, body: "", rstCode: 0, whole: false };
    stream.on("response", (head) => {
      said.headers = head;
    });
    stream.on("trailers", (trailers) => {
      said.trailers = trailers;
    });
    stream.on("data", (chunk: Buffer) => {
      said.body += chunk.toString("latin1");
    });
    stream.on("error", () => {});
    stream.on("close", () =>
      resolve({ ...said, rstCode: stream.rstCode, whole: stream.rstCode === 0 && !stream.aborted }),
    );
    if (body !== undefined) stream.end(body);
  });
}

export function h2Connect(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, {
    maxSessionMemory: 1_000,
    maxSendHeaderBlockLength: 1_000_000,
  });
  session.on("error", () => {});
  return session;
}
