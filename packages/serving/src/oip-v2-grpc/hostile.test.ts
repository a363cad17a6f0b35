import { constants, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { encodeMessage, framed } from "../testing/scripted-grpc-server.ts";
import { connectOipV2Grpc } from "./adapter.ts";
import { probeGrpc } from "./probe.ts";

const call = { timeoutMs: 20_000 };
const grpcHead = { ":status": 200, "content-type": "application/grpc" };
const bomb = framed(gzipSync(Buffer.alloc(20_000_000)), 1);
const answer = encodeMessage("Answer", { outputs: [{ name: "y", datatype: "FP32", shape: [0] }] });
const sockets = new Set<Socket>();
let server: Http2Server | undefined;
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
});

async function start(misbehave: (stream: ServerHttp2Stream) => void): Promise<string> {
  server = createServer();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("session", (session) => session.on("error", () => undefined));
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => undefined);
    stream.once("data", () => misbehave(stream));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** HTTP/2 that is no answer of gRPC, or half of one. Each with the fault of an inference. */
const cases: Record<string, [(stream: ServerHttp2Stream) => void, string]> = {
  "a page": [
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "text/html" });
      stream.end("<!doctype html><title>Welcome</title>");
    },
    "upstream-protocol",
  ],
  "a page and 404": [
    (stream) => {
      stream.respond({ ":status": 404, "content-type": "text/html" });
      stream.end("<!doctype html>");
    },
    "upstream-protocol",
  ],
  "503 of a proxy": [(stream) => stream.respond({ ":status": 503 }, { endStream: true }), "upstream-refused"],
  "a redirect": [
    (stream) => stream.respond({ ":status": 302, location: "/" }, { endStream: true }),
    "upstream-protocol",
  ],
  "an end without trailers": [
    (stream) => {
      stream.respond(grpcHead);
      stream.end(framed(answer));
    },
    "upstream-protocol",
  ],
  "half a message and good trailers": [
    (stream) => trailed(stream, framed(answer).subarray(0, 9), { "grpc-status": "0" }),
    "upstream-protocol",
  ],
  "trailers without a message": [
    (stream) => stream.respond({ ...grpcHead, "grpc-status": "0" }, { endStream: true }),
    "upstream-protocol",
  ],
  "two messages": [
    (stream) => trailed(stream, Buffer.concat([framed(answer), framed(answer)]), { "grpc-status": "0" }),
    "upstream-protocol",
  ],
  "a status that is none": [
    (stream) => trailed(stream, framed(answer), { "grpc-status": "yes" }),
    "upstream-refused",
  ],
  "a status beyond the table": [
    (stream) => trailed(stream, framed(answer), { "grpc-status": "99", "grpc-message": "%ZZ%00" }),
    "upstream-refused",
  ],
  "a promise of four gigabytes": [
    (stream) => {
      stream.respond(grpcHead);
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]));
    },
    "upstream-protocol",
  ],
  "a bomb": [
    (stream) => {
      trailed(stream, bomb, { "grpc-status": "0" }, { "grpc-encoding": "gzip" });
    },
    "upstream-protocol",
  ],
  "broken gzip": [
    (stream) =>
      trailed(stream, framed(Buffer.from("no gzip"), 1), { "grpc-status": "0" }, { "grpc-encoding": "gzip" }),
    "upstream-protocol",
  ],
  "an unknown coding": [
    (stream) => trailed(stream, framed(answer, 1), { "grpc-status": "0" }, { "grpc-encoding": "snappy" }),
    "upstream-protocol",
  ],
  "messages without end": [
    (stream) => {
      stream.respond(grpcHead);
      const more = () => {
        while (!stream.destroyed && stream.write(framed(answer)));
      };
      stream.on("drain", more);
      more();
    },
    "upstream-protocol",
  ],
  "a reset in the middle": [
    (stream) => {
      stream.respond(grpcHead);
      stream.write(framed(answer).subarray(0, 9), () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    },
    "upstream-protocol",
  ],
  "a connection that ends in the middle": [
    (stream) => {
      stream.respond(grpcHead);
      stream.write(framed(answer).subarray(0, 9), () => {
        for (const socket of sockets) socket.destroy();
      });
    },
    "upstream-unreachable",
  ],
  "headers over every limit": [
    (stream) => {
      const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`x-${i}`, "x".repeat(60)]));
      stream.respond({ ...grpcHead, ...many }, { endStream: true });
    },
    "upstream-protocol",
  ],
};

test.for(Object.entries(cases))("%s", async ([, [misbehave, code]]) => {
  const address = await start(misbehave);
  const one = connectOipV2Grpc({ url: "http://127.0.0.1:9", grpc: address, answerBytesMax: 1_000_000 });
  const asking = { inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1] }] };
  await expect(one.infer("m", asking, call)).rejects.toMatchObject({ name: "Fault", code });
  expect(await one.live(call)).toMatchObject({ ok: false });
  expect(await one.ready("m", call)).toMatchObject({ ok: false });
  expect(await one.progress(call)).toBe(undefined);
  await expect(one.metadata("m", call)).rejects.toMatchObject({ name: "Fault" });
  expect(await probeGrpc({ address, ...call })).toMatchObject({ speaks: false });
  one.close();
});

test("a kept connection that the server closes as it is asked again is asked on a new one, once", async () => {
  const live = framed(encodeMessage("Live", { live: true }));
  let connections = 0;
  let isMean = false;
  const address = await start((stream) => {
    if (isMean) for (const socket of sockets) socket.destroy();
    else trailed(stream, live, { "grpc-status": "0" });
    if (connections < 3) isMean = !isMean;
  });
  server?.on("connection", () => connections++);
  const one = connectOipV2Grpc({ url: "http://127.0.0.1:9", grpc: address });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(connections).toBe(2);
  isMean = true;
  connections = 3;
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "reset" });
  expect(connections).toBe(4);
  one.close();
});

function trailed(
  stream: ServerHttp2Stream,
  body: Uint8Array,
  trailers: Record<string, string>,
  headers: Record<string, string> = {},
): void {
  stream.respond({ ...grpcHead, ...headers }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}
