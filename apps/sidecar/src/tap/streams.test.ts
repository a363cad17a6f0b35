import { afterEach, expect, test } from "vitest";
import { answerWith, closeFleets, type Fault, good, startFleet } from "./testing/fleet.ts";
import { rawClient } from "./testing/raw-client.ts";
import type { RawRequest, RawUpstream } from "./testing/raw-upstream.ts";

afterEach(closeFleets);

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const headToClose = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const event = (data: string) => chunk(`data: ${data}\n\n`);
const ask = "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nmodel=m";

async function streaming(first: string, faults: Fault[] = []) {
  const fleet = await startFleet([answerWith(first), ...faults]);
  const client = rawClient(fleet.tap.port, ask);
  const text = () => client.received().toString();
  await expect.poll(() => requestOf(fleet.upstreams[0])).toBeDefined();
  const server = requestOf(fleet.upstreams[0])?.socket;
  if (!server) throw new Error("expected a request");
  return { ...fleet, client, text, server };
}

const requestOf = (upstream: RawUpstream | undefined): RawRequest | undefined => upstream?.requests[0];

test("each event goes out as it comes, byte for byte, and counts as a token", async () => {
  const { tap, client, text, server } = await streaming(head);
  await expect.poll(text).toContain("text/event-stream");
  let sent = "";
  for (const data of ["one", "two", "three"]) {
    server.write(event(data));
    sent += event(data);
    await expect.poll(text).toContain(sent);
  }
  server.write(`${event("end")}0\r\n\r\n`);
  await expect.poll(text).toMatch(/0\r\n\r\n$/);
  await expect.poll(() => tap.outcomes()).toEqual(["a:ok"]);
  const tokens = tap.events.flatMap((it) => (it.kind === "token" ? [it] : []));
  expect(tokens.map(({ first }) => first)).toEqual([true, false, false, false]);
  expect(tokens.every(({ requestBytes }) => requestBytes === 7)).toBe(true);
  expect(tap.events).toContainEqual(expect.objectContaining({ outcome: "ok", serverMs: tokens[0]?.ms }));
  client.socket.destroy();
});

test("a flood is told while it goes on, once, and reaches the client all the same", async () => {
  const { tap, client, text, server } = await streaming(head);
  for (let i = 0; i < 5; i += 1) server.write(event("x"));
  await expect.poll(() => tap.outcomes()).toEqual(["a:flood!"]);
  expect(tap.tap.inflight()).toBe(1);
  server.write("0\r\n\r\n");
  await expect.poll(text).toMatch(/0\r\n\r\n$/);
  expect(text().split("data: x").length - 1).toBe(5);
  expect(tap.outcomes()).toEqual(["a:flood!"]);
  client.socket.destroy();
});

test.each([
  ["closes", (server: RawRequest["socket"]) => void server.destroy()],
  ["resets", (server: RawRequest["socket"]) => void server.resetAndDestroy()],
  ["breaks its chunks", (server: RawRequest["socket"]) => void server.write("zz\r\n")],
  [
    "resets within a chunk",
    (server: RawRequest["socket"]) => {
      server.write("40\r\ndata: tw", () => server.resetAndDestroy());
    },
  ],
])("a stream whose server %s ends with the protocol's error and no last chunk", async (_name, die) => {
  const { tap, client, text, server, counts } = await streaming(head + event("one"), [good]);
  await expect.poll(text).toContain("data: one");
  die(server);
  await client.ended;
  expect(text()).toContain(chunk("data: error\n\n"));
  expect(text()).not.toMatch(/\r\n0\r\n\r\n$/);
  expect(tap.outcomes()).toEqual(["a:truncated!"]);
  expect(counts()).toEqual([1, 0]);
});

test("a stream to its close that ends in its middle ends with the protocol's error and no last chunk", async () => {
  const { tap, client, text, server } = await streaming(`${headToClose}data: one\n\n`);
  await expect.poll(text).toContain("data: one");
  server.end();
  await client.ended;
  expect(text()).toContain(event("one") + event("error"));
  expect(text()).not.toMatch(/\r\n0\r\n\r\n$/);
  expect(tap.outcomes()).toEqual(["a:truncated!"]);
});

test("for a client of HTTP/1.0 the protocol's error is followed by a reset", async () => {
  const { tap, upstreams } = await startFleet([answerWith(head + event("one"))]);
  const client = rawClient(tap.port, ask.replace("HTTP/1.1", "HTTP/1.0"));
  await expect.poll(() => client.received().toString()).toContain("data: one");
  upstreams[0]?.requests[0]?.socket.destroy();
  const { bytes, reset } = await client.ended;
  expect(bytes.toString()).toMatch(/\r\n\r\ndata: one\n\ndata: error\n\n$/);
  expect(reset).toBe(true);
});

test("a stream to its close that ends well ends well", async () => {
  const { tap, client, text, server } = await streaming(`${headToClose}data: one\n\n`);
  await expect.poll(text).toContain("data: one");
  server.end("data: end\n\n");
  await expect.poll(() => tap.outcomes()).toEqual(["a:ok"]);
  expect(text()).not.toContain("error");
  client.socket.destroy();
});

test("a client that leaves ends the generation at once", async () => {
  const { tap, client, text, upstreams, server } = await streaming(head);
  const generating = setInterval(() => server.destroyed || server.write(event("tick")), 1);
  await expect.poll(text).toContain("tick");
  client.socket.destroy();
  await expect.poll(() => upstreams[0]?.openSockets()).toBe(0);
  clearInterval(generating);
  await expect
    .poll(() => tap.tap.progress())
    .toMatchObject({ inflight: 0, keptBytes: 0, upstreamConnections: 0 });
});

test("comments that keep a stream alive are no work, and its head is none either", async () => {
  const { tap, client, text, server } = await streaming(head);
  await expect.poll(text).toContain("text/event-stream");
  server.write(chunk(": ping\n\n"));
  await expect.poll(text).toContain("ping");
  expect(tap.tap.progress()).toMatchObject({ ownWork: 0, waitingOnOwn: 1, waitingBytesMax: 7, streaming: 0 });
  server.write(event("one"));
  await expect.poll(() => tap.tap.progress()).toMatchObject({ ownWork: 1, waitingOnOwn: 0, streaming: 1 });
  client.socket.destroy();
});

test("one stream that falls silent among others is told, all of them together are not", async () => {
  let nowMs = 1_000;
  const { tap } = await startFleet([answerWith(head + event("one"))], {
    clock: { monotonicMs: () => nowMs },
  });
  const [a, b] = [rawClient(tap.port, ask), rawClient(tap.port, ask)];
  await expect.poll(() => tap.tap.progress().streaming).toBe(2);
  nowMs += 3_000;
  const limit = { limitMs: 2_000, notBeforeMs: 0 };
  tap.tap.tellStalled(limit);
  expect(tap.outcomes()).toEqual([]);
  rawClient(tap.port, ask);
  await expect.poll(() => tap.tap.progress().streaming).toBe(3);
  tap.tap.tellStalled({ ...limit, notBeforeMs: 3_500 });
  expect(tap.outcomes()).toEqual([]);
  for (let i = 0; i < 2; i += 1) tap.tap.tellStalled(limit);
  expect(tap.outcomes()).toEqual(["a:stalled!", "a:stalled!"]);
  for (const { socket } of [a, b]) socket.destroy();
});

test("where both sides take turns, a pause is nobody's silence and no pace of the server", async () => {
  const { tap, upstreams } = await startFleet([answerWith("")], {});
  const client = rawClient(tap.port, "POST /infer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.socket.write(chunk("first"));
  await expect.poll(() => upstreams[0]?.openSockets()).toBe(1);
  upstreams[0]?.each((server) => server.write(head + event("one")));
  await expect.poll(() => tap.tap.progress().ownWork).toBe(1);
  expect(tap.tap.progress()).toMatchObject({ streaming: 0, waitingOnOwn: 0 });
  client.socket.write("0\r\n\r\n");
  await expect.poll(() => tap.tap.progress().streaming).toBe(1);
  upstreams[0]?.each((server) => server.write(`${event("end")}0\r\n\r\n`));
  await expect.poll(() => tap.outcomes()).toEqual(["a:ok"]);
  expect(tap.events.filter(({ kind }) => kind === "token")).toEqual([]);
  expect(tap.events).toContainEqual(expect.objectContaining({ outcome: "ok", serverMs: undefined }));
  client.socket.destroy();
});

test("a client that reads slowly makes no stream silent", async () => {
  const { tap, client, server } = await streaming(head + event("one"));
  await expect.poll(() => tap.tap.progress().streaming).toBe(1);
  client.socket.pause();
  const flood = () => {
    while (!server.destroyed && server.write(event("x".repeat(60_000))));
  };
  server.on("drain", flood);
  flood();
  await expect.poll(() => tap.tap.progress().streaming, { timeout: 5_000 }).toBe(0);
  expect(tap.tap.progress()).toMatchObject({ waitingOnOwn: 0, ownInflight: 1 });
  client.socket.destroy();
});

test("a compressed stream is passed unread", async () => {
  const zipped = head.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n");
  const { tap, client, text, server } = await streaming(zipped + chunk("\x1f\x08data: x\n\n"));
  await expect.poll(text).toContain("data: x");
  server.destroy();
  await client.ended;
  expect(text()).not.toContain("error");
  expect(tap.events.filter(({ kind }) => kind === "token")).toEqual([]);
  expect(tap.outcomes()).toEqual(["a:truncated!"]);
});
