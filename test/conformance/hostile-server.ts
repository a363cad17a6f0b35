import { createServer, type Socket } from "node:net";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

export type HostileServer = { url: string; connections(): number; close(): Promise<void> };

/** A TCP server that calls `misbehave` with each connection once something was asked on it. */
export async function startHostileServer(misbehave: (socket: Socket) => void): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.once("data", () => misbehave(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const gzipBomb = gzipSync(Buffer.alloc(8_000_000));
const brotliBomb = brotliCompressSync(Buffer.alloc(8_000_000), {
  params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
});

/** What real and broken programs on a port do, each by name. None of them is an answer of a model server. */
export const misbehaviours: Record<string, (socket: Socket) => void> = {
  "closes at once": (socket) => socket.destroy(),
  "ends without a byte": (socket) => socket.end(),
  "accepts and stays silent": () => undefined,
  "answers a page": (socket) =>
    answer(socket, "<!doctype html><title>Welcome</title>", "content-type: text/html\r\n"),
  "redirects for ever": (socket) =>
    raw(socket, "HTTP/1.1 302 Found\r\nlocation: /v2\r\ncontent-length: 0\r\n\r\n"),
  "answers an empty body": (socket) => raw(socket, "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"),
  "answers half JSON": (socket) =>
    answer(socket, '{"outputs":[{"name":"probabilities","datatype":"FP32","sha'),
  "answers other JSON": (socket) => answer(socket, '[1,{"name":null},"x"]'),
  "answers JSON of null": (socket) => answer(socket, "null"),
  "answers deep JSON": (socket) => answer(socket, "[".repeat(100_000)),
  "answers deep JSON with NaN": (socket) => answer(socket, `NaN${"[".repeat(100_000)}`),
  "answers invalid UTF-8": (socket) => answer(socket, Buffer.from([0x22, 0xff, 0xfe, 0x22])),
  "answers outputs that do not fit": (socket) =>
    answer(socket, '{"outputs":[{"name":"a","datatype":"FP32","shape":[1000000,1000000],"data":[1]}]}'),
  "answers a binary part that is not there": (socket) =>
    answer(socket, '{"outputs":[]}', "inference-header-content-length: 99999\r\n"),
  "stops in the middle": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{", () => socket.destroy());
  },
  "sends a body without end": (socket) =>
    pour(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunkOf(65_536)),
  "sends headers without end": (socket) =>
    pour(socket, "HTTP/1.1 200 OK\r\n", `x-filler: ${"x".repeat(4000)}\r\n`),
  "sends interim answers without end": (socket) => pour(socket, "", "HTTP/1.1 102 Processing\r\n\r\n"),
  "promises ten gigabytes": (socket) =>
    raw(socket, "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n{"),
  "switches protocols": (socket) =>
    raw(socket, "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
  "speaks TLS": (socket) => raw(socket, Buffer.from("15030300020246", "hex")),
  "speaks HTTP/2": (socket) => raw(socket, Buffer.from("000012040000000000000300000064", "hex")),
  "speaks SSH": (socket) => raw(socket, "SSH-2.0-OpenSSH_9.6\r\n"),
  "sends broken gzip": (socket) => answer(socket, "no gzip at all", "content-encoding: gzip\r\n"),
  "sends a gzip bomb": (socket) => answer(socket, gzipBomb, "content-encoding: gzip\r\n"),
  "sends a brotli bomb": (socket) => answer(socket, brotliBomb, "content-encoding: br\r\n"),
  "sends an unknown coding": (socket) => answer(socket, "{}", "content-encoding: snappy\r\n"),
};

function answer(socket: Socket, body: string | Buffer, headers = "content-type: application/json\r\n"): void {
  const bytes = Buffer.from(body);
  socket.write(`HTTP/1.1 200 OK\r\n${headers}content-length: ${bytes.length}\r\nconnection: close\r\n\r\n`);
  socket.end(bytes);
}

function raw(socket: Socket, bytes: string | Buffer): void {
  socket.write(bytes);
}

/** Writes `piece` again and again for as long as somebody reads. */
function pour(socket: Socket, start: string, piece: string): void {
  socket.write(start);
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

function chunkOf(length: number): string {
  return `${length.toString(16)}\r\n${" ".repeat(length)}\r\n`;
}
