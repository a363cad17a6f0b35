import { constants, type ServerHttp2Stream } from "node:http2";
import { afterEach, expect, test } from "vitest";
import { alsoClose, closeGrpcFleets } from "../testing/grpc-fleet.ts";
import { grpcTarget } from "../testing/grpc-rig.ts";
import { frame, grpcAnswer, grpcCall, h2Ask, h2Connect, startH2 } from "../testing/h2-rig.ts";
import { startTap } from "../testing/start-tap.ts";
import { resetStream } from "./reset-stream.ts";

afterEach(closeGrpcFleets);

async function start(answer: Parameters<typeof startH2>[0], deps = {}) {
  const server = await startH2(answer);
  const tap = await startTap({ own: grpcTarget("a", server), others: [] }, deps);
  const session = h2Connect(tap.port);
  alsoClose(server, tap, { close: async () => session.destroy() });
  return { server, tap, session };
}

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INTERNAL_ERROR } = constants;

test.each<[string, (stream: ServerHttp2Stream) => void, object]>([
  [
    "without trailers",
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "text/plain" });
      stream.end("ok");
    },
    { body: "ok", whole: true, trailers: undefined },
  ],
  [
    "with trailers",
    (stream) => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "7" }));
      stream.end("ok");
    },
    { body: "ok", whole: true, trailers: expect.objectContaining({ "x-sum": "7" }) },
  ],
  [
    "of a head alone",
    (stream) => stream.respond({ ":status": 204 }, { endStream: true }),
    { body: "", whole: true, headers: expect.objectContaining({ ":status": 204 }) },
  ],
  [
    "that is an error",
    (stream) => {
      stream.respond({ ":status": 418, "x-why": "tea" });
      stream.end("no");
    },
    { body: "no", whole: true, headers: expect.objectContaining({ ":status": 418, "x-why": "tea" }) },
  ],
])("a plain answer %s passes unchanged", async (_name, answer, said) => {
  const { session, tap } = await start(answer);
  expect(await h2Ask(session, { ":path": "/x", ":method": "GET" }, undefined)).toMatchObject(said);
  await expect.poll(() => tap.tap.progress().inflight).toBe(0);
});

test("headers go to the server as they came, and the answer's come back so", async () => {
  let seen: object = {};
  const { session } = await start((stream, headers) => {
    seen = headers;
    stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"], etag: "e" });
    stream.end();
  });
  const asked = {
    ":path": "/p?q=1",
    ":method": "POST",
    ":authority": "model.example",
    "x-id": "7",
    cookie: "c=1",
  };
  const { headers } = await h2Ask(session, asked, Buffer.from("body"));
  expect(seen).toMatchObject({ ...asked, ":scheme": "http" });
  expect(headers).toMatchObject({ "set-cookie": ["a=1", "b=2"], etag: "e" });
});

test.each([NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM])(
  "a stream that the server resets with %i in its middle is reset so",
  async (code) => {
    const { session, tap } = await start((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(frame("one"), () => resetStream(stream, code));
    });
    // Not an inference of one answer: nothing of it is held back.
    expect(await h2Ask(session, grpcCall("/other.Test/Download"))).toMatchObject({
      rstCode: code,
      whole: false,
    });
    expect(tap.outcomes()).toEqual(["a:truncated!"]);
  },
);

test.each([NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM])(
  "a stream that the server resets with %i before any answer is reset so",
  async (code) => {
    const { session } = await start((stream) => stream.close(code));
    expect(await h2Ask(session)).toMatchObject({ rstCode: code, headers: undefined });
  },
);

test("the code with which a client leaves arrives at the server", async () => {
  const { session, server } = await start(() => {});
  const stream = session.request(grpcCall());
  stream.on("error", () => {});
  await expect.poll(() => server.streams.length).toBe(1);
  stream.close(NGHTTP2_INTERNAL_ERROR);
  await expect.poll(() => server.streams[0]?.rstCode).toBe(NGHTTP2_INTERNAL_ERROR);
});

test("a client that leaves in the middle of its upload has not ended it", async () => {
  let ended = false;
  const { session, server } = await start((stream) => {
    stream.on("end", () => {
      ended = stream.rstCode === 0;
    });
    stream.resume();
  });
  const stream = session.request(grpcCall());
  stream.on("error", () => {});
  stream.write(frame("half"));
  await expect.poll(() => server.streams.length).toBe(1);
  session.destroy();
  await expect.poll(() => server.streams[0]?.destroyed).toBe(true);
  expect(ended).toBe(false);
});

test("gRPC that ends without a status is never a whole answer", async () => {
  const { session, tap } = await start((stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end(frame("one"));
  });
  const { trailers } = await h2Ask(session, grpcCall("/other.Test/Download"));
  expect(trailers).toMatchObject({ "grpc-status": "14" });
  expect(tap.outcomes()).toEqual(["a:truncated!"]);
});

test("an answer before the end of the upload stops the upload without an error", async () => {
  const { session, tap } = await start((stream) => {
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", "grpc-status": "3" },
      { endStream: true },
    );
  });
  const stream = session.request(grpcCall());
  let head: object | undefined;
  stream.on("response", (it) => {
    head = it;
  });
  stream.on("error", () => {});
  stream.write(frame("half"));
  await expect.poll(() => head).toMatchObject({ "grpc-status": "3" });
  await expect.poll(() => stream.closed).toBe(true);
  expect(stream.rstCode).toBe(0);
  await expect.poll(() => tap.tap.progress().inflight).toBe(0);
});

test("a client that reads slowly holds the server back, not our memory", async () => {
  const piece = Buffer.alloc(1_000_000);
  let written = 0;
  const { session, tap } = await start((stream) => {
    stream.respond({ ":status": 200 });
    const more = () => {
      while (written < 100) {
        written += 1;
        if (!stream.write(piece)) return void stream.once("drain", more);
      }
      stream.end();
    };
    more();
  });
  const stream = session.request({ ":path": "/x" });
  stream.pause();
  const read = () => tap.events.reduce((sum, it) => sum + (it.kind === "bytes" ? it.bytes : 0), 0);
  await expect.poll(() => written).toBeGreaterThan(2);
  expect(read()).toBeLessThan(2_000_000);
  let seen = 0;
  stream.on("data", (chunk: Buffer) => {
    expect(written * piece.length).toBeLessThan(seen + 40_000_000);
    seen += chunk.length;
  });
  stream.resume();
  await expect.poll(() => seen, { timeout: 20_000 }).toBe(100_000_000);
});

test("a server that reads slowly holds the client back, and uploads that are given up leave no debt", async () => {
  const { session, tap, server } = await start((stream, headers) => {
    if (headers[":path"] === "/other.Test/Quick") return grpcAnswer(stream);
    stream.pause();
  });
  for (let i = 0; i < 4; i += 1) {
    const stream = session.request(grpcCall("/other.Test/Upload"));
    stream.on("error", () => {});
    for (let sent = 0; sent < 12; sent += 1) stream.write(Buffer.alloc(1_000_000));
    await expect.poll(() => server.streams.length).toBe(i + 1);
    await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(1);
    stream.close(NGHTTP2_CANCEL);
    await expect.poll(() => tap.tap.inflight()).toBe(0);
  }
  // The window of the session would be used up by now, were the bytes of dropped streams not given back.
  const big = Buffer.alloc(14_000_000);
  const quick = await h2Ask(session, grpcCall("/other.Test/Quick"), big);
  expect(quick.trailers).toMatchObject({ "grpc-status": "0" });
  expect(tap.tap.progress().keptBytes).toBe(0);
});
