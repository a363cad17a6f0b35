import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rawClient, rawRequest } from "./testing/raw-client.ts";
import { type RawUpstream, startRawUpstream } from "./testing/raw-upstream.ts";
import { type StartedTap, startTap } from "./testing/start-tap.ts";

let upstream: RawUpstream;
let tap: StartedTap;

beforeAll(async () => {
  upstream = await startRawUpstream(({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  tap = await startTap(
    { own: { id: "a", url: upstream.url, hop: "model" }, others: [] },
    { limits: { headerTimeoutMs: 400, requestTimeoutMs: 800, maxHeaderSize: 8 * 1024 } },
  );
});

afterAll(async () => {
  await tap.close();
  await upstream.close();
});

async function stillServes(): Promise<void> {
  const answer = await rawRequest(tap.port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  expect(answer.toString()).toMatch(/^HTTP\/1.1 200 OK[\s\S]*ok$/);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0 });
}

test.each([
  ["garbage", "\x00\x16\x03\x01 what is this\r\n\r\n", 400],
  ["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
  [
    "length and chunks at once",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    400,
  ],
  ["two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400],
  [
    "chunks that are not last",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
    400,
  ],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400],
  ["a header without a name", "GET / HTTP/1.1\r\n: h\r\n\r\n", 400],
  ["a NUL in a header", "GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", 400],
  ["a bare carriage return", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400],
  ["a negative length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400],
  ["a broken chunk size", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400],
  ["a head beyond the limit", `GET / HTTP/1.1\r\nHost: h\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
])("%s is answered with an error and never reaches the server as a request", async (_name, wire, status) => {
  const before = upstream.requests.length;
  const bytes = await rawRequest(tap.port, Buffer.from(wire, "latin1"));
  expect(bytes.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(upstream.requests.length).toBe(before);
  await stillServes();
});

test("a head that never ends is timed out", async () => {
  const client = rawClient(tap.port, "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ");
  expect((await client.ended).bytes.toString()).toMatch(/^(?:HTTP\/1.1 408 |$)/);
  await stillServes();
});

test("a body that never ends is timed out, and its connection to the server closed", async () => {
  const client = rawClient(tap.port, "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  await client.ended;
  await stillServes();
  await expect.poll(() => upstream.openSockets()).toBeLessThanOrEqual(1);
});

test("ten gigabytes are announced and not reserved", async () => {
  const before = process.memoryUsage().rss;
  const clients = Array.from({ length: 20 }, () =>
    rawClient(tap.port, "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\nabc"),
  );
  await expect.poll(() => tap.tap.inflight()).toBe(20);
  expect(tap.tap.progress().keptBytes).toBe(0);
  expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
  for (const { socket } of clients) socket.destroy();
  await stillServes();
});

test("an aborted upload leaves nothing behind", async () => {
  for (let i = 0; i < 50; i += 1) {
    const client = rawClient(
      tap.port,
      `POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n${"x".repeat(i * 50)}`,
    );
    await new Promise((resolve) => client.socket.once("connect", resolve));
    client.socket.resetAndDestroy();
  }
  await stillServes();
  await expect.poll(() => upstream.openSockets()).toBeLessThanOrEqual(1);
});

test("a flood of pipelined requests is cut off", async () => {
  const hung = await startRawUpstream(() => {});
  const own = await startTap({ own: { id: "a", url: hung.url, hop: "model" }, others: [] });
  const client = rawClient(own.port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(5_000));
  await client.ended;
  expect(hung.requests.length).toBeLessThanOrEqual(1);
  await expect.poll(() => own.tap.inflight()).toBe(0);
  await own.close();
  await hung.close();
});

test("beyond the most requests at once the next is refused, and reads no body", async () => {
  const hung = await startRawUpstream(() => {});
  const own = await startTap(
    { own: { id: "a", url: hung.url, hop: "model" }, others: [] },
    { limits: { maxInflight: 2 } },
  );
  const waiting = [0, 1].map(() => rawClient(own.port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  await expect.poll(() => own.tap.inflight()).toBe(2);
  const answer = await rawRequest(own.port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  expect(answer.toString()).toMatch(/^HTTP\/1.1 503 [\s\S]*locum-reason: overloaded/);
  for (const { socket } of waiting) socket.destroy();
  await own.close();
  await hung.close();
});

test("damaged requests in any number never take the tap down", async () => {
  const samples = [
    "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST /infer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET http://h/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "POST /infer HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
  ];
  const hit = fc.tuple(fc.nat(200), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...samples), fc.array(hit, { maxLength: 6 }), async (text, hits) => {
      const bytes = Buffer.from(text, "latin1");
      for (const [at, byte] of hits) bytes[at % bytes.length] = byte;
      const client = rawClient(tap.port, bytes);
      client.socket.end();
      await client.ended;
    }),
    { numRuns: 300 },
  );
  await stillServes();
});
