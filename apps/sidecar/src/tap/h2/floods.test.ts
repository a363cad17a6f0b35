import { constants } from "node:http2";
import { connect, createServer } from "node:net";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { alsoClose, closeGrpcFleets, startGrpcFleet } from "../testing/grpc-fleet.ts";
import { ask, type GrpcHandlers, grpcClient, grpcTarget } from "../testing/grpc-rig.ts";
import { callBlock, goaway, h2Frame, headerBlock, preface } from "../testing/h2-frames.ts";
import { grpcCall, h2Ask, h2Connect } from "../testing/h2-rig.ts";
import { listen } from "../testing/raw-upstream.ts";
import { startTap } from "../testing/start-tap.ts";

afterEach(closeGrpcFleets);

const good: GrpcHandlers = {
  unary: ((_call: never, done: (e: null, it: Buffer) => void) => done(null, Buffer.from("good"))) as never,
};
const hello = Buffer.concat([preface, h2Frame("settings")]);
const { HEADERS_END, STREAM_END } = { HEADERS_END: 4, STREAM_END: 1 };

/** Sends the flood again and again until the tap ends the connection, or all of it is out. */
function flood(port: number, start: Buffer, piece: (round: number) => Buffer, rounds: number) {
  const socket = connect(port, "127.0.0.1");
  const received: Buffer[] = [];
  const state = { ended: false, sent: 0, received: () => Buffer.concat(received) };
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  socket.on("error", () => {});
  socket.on("close", () => {
    state.ended = true;
  });
  alsoClose({ close: async () => void socket.destroy() });
  socket.write(start);
  const more = () => {
    while (state.sent < rounds && !socket.destroyed) {
      state.sent += 1;
      if (!socket.write(piece(state.sent))) return void socket.once("drain", more);
    }
  };
  more();
  return state;
}

/** The whole frames among what came, with the code of those that carry one. */
function framesOf(received: Buffer): { type: number; code: number | undefined }[] {
  const frames: { type: number; code: number | undefined }[] = [];
  for (let at = 0; at + 9 <= received.length; ) {
    const length = received.readUIntBE(at, 3);
    const type = received.readUInt8(at + 3);
    if (at + 9 + length > received.length) break;
    const codeAt = type === 7 ? at + 13 : type === 3 ? at + 9 : undefined;
    frames.push({ type, code: codeAt === undefined ? undefined : received.readUInt32BE(codeAt) });
    at += 9 + length;
  }
  return frames;
}

const rapidReset = (round: number) =>
  Buffer.concat([
    h2Frame("headers", { flags: HEADERS_END, stream: round * 2 - 1, payload: callBlock }),
    h2Frame("rst", { stream: round * 2 - 1, payload: Buffer.from([0, 0, 0, 8]) }),
  ]);
const setting = Buffer.from([0, 3, 0, 0, 0, 100]);
const bigHeader = headerBlock([["x", "y".repeat(120)]]);

test.each<{ name: string; start?: Buffer; piece: (round: number) => Buffer; rounds: number }>([
  { name: "rapid reset", piece: rapidReset, rounds: 20_000 },
  { name: "pings", piece: () => h2Frame("ping", { payload: Buffer.alloc(8) }), rounds: 100_000 },
  { name: "settings", piece: () => h2Frame("settings", { payload: setting }), rounds: 100_000 },
  {
    name: "one SETTINGS of many",
    piece: () => h2Frame("settings", { payload: Buffer.concat(Array(1_000).fill(setting)) }),
    rounds: 10,
  },
  {
    name: "empty DATA",
    start: h2Frame("headers", { flags: HEADERS_END, stream: 1, payload: callBlock }),
    piece: () => h2Frame("data", { stream: 1 }),
    rounds: 100_000,
  },
  {
    name: "CONTINUATION without end",
    start: h2Frame("headers", { stream: 1, payload: callBlock }),
    piece: () => h2Frame("continuation", { stream: 1, payload: Buffer.concat(Array(100).fill(bigHeader)) }),
    rounds: 2_000,
  },
  {
    name: "empty CONTINUATION",
    start: h2Frame("headers", { stream: 1, payload: callBlock }),
    piece: () => h2Frame("continuation", { stream: 1 }),
    rounds: 100_000,
  },
  {
    name: "frames that are too large",
    piece: () => h2Frame("data", { stream: 1, length: 1_000_000 }),
    rounds: 1,
  },
  {
    name: "DATA of streams that were never opened",
    piece: (i) => h2Frame("data", { stream: 2 * i + 1, payload: Buffer.alloc(9) }),
    rounds: 5_000,
  },
  {
    name: "malformed header blocks",
    piece: (i) =>
      h2Frame("headers", {
        flags: HEADERS_END,
        stream: 2 * i - 1,
        payload: Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]),
      }),
    rounds: 1_000,
  },
  {
    name: "requests without a path",
    piece: (i) =>
      h2Frame("headers", {
        flags: HEADERS_END,
        stream: 2 * i - 1,
        payload: headerBlock([[":method", "POST"]]),
      }),
    rounds: 5_000,
  },
])(
  "$name: the connection is ended, and the tap lives",
  async ({ start = Buffer.alloc(0), piece, rounds }) => {
    const { client, tap } = await startGrpcFleet([good]);
    expect(await ask(client)).toMatchObject({ answer: "good" });
    const flooding = flood(tap.port, Buffer.concat([hello, start]), piece, rounds);
    await expect.poll(() => flooding.ended, { timeout: 10_000 }).toBe(true);
    expect(await ask(client)).toMatchObject({ answer: "good" });
    await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0 });
  },
);

test("streams opened and reset in one breath never reach the model server", async () => {
  let calls = 0;
  const { client, tap } = await startGrpcFleet([
    {
      unary: ((_call: never, done: (e: null, it: Buffer) => void) => {
        calls += 1;
        done(null, Buffer.from("good"));
      }) as never,
    },
  ]);
  const flooding = flood(tap.port, hello, rapidReset, 500);
  await expect.poll(() => flooding.sent).toBe(500);
  expect(await ask(client)).toMatchObject({ answer: "good" });
  expect(calls).toBe(1);
});

test("a client that opens more streams than it agreed to is sent away", async () => {
  const { tap } = await startGrpcFleet([{ unary: (() => {}) as never }]);
  const agreed = Buffer.concat([hello, h2Frame("settings", { flags: 1 })]);
  const open = (round: number) =>
    h2Frame("headers", { flags: HEADERS_END | STREAM_END, stream: round * 2 - 1, payload: callBlock });
  const flooding = flood(tap.port, agreed, open, 1_500);
  await expect.poll(() => flooding.ended, { timeout: 10_000 }).toBe(true);
  expect(framesOf(flooding.received()).at(-1)).toEqual({ type: 7, code: constants.NGHTTP2_PROTOCOL_ERROR });
  expect(tap.tap.progress().started).toBeLessThanOrEqual(1_025);
  await expect.poll(() => tap.tap.inflight()).toBe(0);
});

test("a client that opens streams and takes no answer costs bounded memory", async () => {
  const { client, tap } = await startGrpcFleet([
    {
      unary: ((_call: never, done: (e: null, it: Buffer) => void) =>
        done(null, Buffer.alloc(200_000))) as never,
    },
  ]);
  const before = process.memoryUsage().rss;
  // A window of nothing: every answer stays here.
  const mean = Buffer.concat([preface, h2Frame("settings", { payload: Buffer.from([0, 4, 0, 0, 0, 0]) })]);
  const open = (round: number) =>
    h2Frame("headers", { flags: HEADERS_END | STREAM_END, stream: round * 2 - 1, payload: callBlock });
  const flooding = flood(tap.port, mean, open, 1_000);
  await expect.poll(() => flooding.sent === 1_000 || flooding.ended).toBe(true);
  expect(await ask(client)).toMatchObject({ code: 0 });
  expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
  expect(await ask(client)).toMatchObject({ code: 0 });
  await expect.poll(() => tap.tap.inflight()).toBe(0);
});

test("headers that are too large are refused, the connection goes on", async () => {
  const { tap } = await startGrpcFleet([good]);
  const session = h2Connect(tap.port);
  alsoClose({ close: async () => session.destroy() });
  // The limit holds from when the client has agreed to it.
  expect(await h2Ask(session)).toMatchObject({ trailers: { "grpc-status": "0" } });
  const large = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, "y".repeat(2_000)]));
  const said = await h2Ask(session, { ...grpcCall(), ...large });
  expect(said.whole).toBe(false);
  expect(await h2Ask(session, { ...grpcCall(), "x-fits": "y".repeat(8_000) })).toMatchObject({
    trailers: { "grpc-status": "0" },
  });
});

test("a tunnel is refused", async () => {
  const { tap } = await startGrpcFleet([good]);
  const session = h2Connect(tap.port);
  alsoClose({ close: async () => session.destroy() });
  const said = await h2Ask(session, { ":method": "CONNECT", ":authority": "h:1" });
  expect(said.rstCode).toBe(constants.NGHTTP2_REFUSED_STREAM);
});

test("no bytes behind the preface break the tap", async () => {
  const { client, tap } = await startGrpcFleet([good]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, greets) => {
      const socket = connect(tap.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.end(Buffer.concat([greets ? hello : preface, bytes]));
      await new Promise((resolve) => socket.once("close", resolve).resume());
    }),
    { numRuns: 100 },
  );
  expect(await ask(client)).toMatchObject({ answer: "good" });
  await expect.poll(() => tap.tap.inflight()).toBe(0);
});

test.each<[string, Buffer]>([
  [
    "a header without end",
    Buffer.concat([
      h2Frame("headers", { stream: 1, payload: Buffer.from([0x88]) }),
      ...Array(500).fill(
        h2Frame("continuation", { stream: 1, payload: Buffer.concat(Array(100).fill(bigHeader)) }),
      ),
    ]),
  ],
  [
    "a pushed stream",
    h2Frame("push", {
      flags: HEADERS_END,
      stream: 1,
      payload: Buffer.concat([Buffer.from([0, 0, 0, 2]), callBlock]),
    }),
  ],
  [
    "frames cut short",
    h2Frame("headers", { flags: HEADERS_END, stream: 1, length: 100, payload: Buffer.from([0x88]) }),
  ],
  [
    "a status of 999",
    h2Frame("headers", {
      flags: HEADERS_END | STREAM_END,
      stream: 1,
      payload: headerBlock([[":status", "999"]]),
    }),
  ],
  [
    "no status",
    h2Frame("headers", { flags: HEADERS_END | STREAM_END, stream: 1, payload: headerBlock([["x", "y"]]) }),
  ],
  ["a goodbye with an error", goaway(0, 11)],
])("a server that answers with %s fails its own calls only", async (_name, bytes) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Buffer.concat([h2Frame("settings"), bytes])));
  });
  const port = await listen(server);
  const tap = await startTap({ own: grpcTarget("a", { address: `127.0.0.1:${port}` }), others: [] });
  const client = grpcClient(tap.port);
  alsoClose({ close: async () => void server.close() }, tap, { close: async () => client.close() });
  expect((await ask(client)).code).toBeGreaterThan(0);
  await expect.poll(() => tap.tap.inflight()).toBe(0);
});

test("a flood is ended with its code", async () => {
  const { tap } = await startGrpcFleet([good]);
  const flooding = flood(tap.port, hello, () => h2Frame("ping", { payload: Buffer.alloc(8) }), 100_000);
  await expect.poll(() => flooding.ended).toBe(true);
  // Ours, or that of the library, whose queue of answers may be full before.
  expect(framesOf(flooding.received()).find(({ type }) => type === 7)?.code).toBeOneOf([
    constants.NGHTTP2_ENHANCE_YOUR_CALM,
    constants.NGHTTP2_INTERNAL_ERROR,
  ]);
});
