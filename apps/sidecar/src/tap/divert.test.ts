import { afterEach, expect, test } from "vitest";
import {
  answerWith,
  closeFleets,
  good,
  hang,
  infer,
  json,
  resetAtOnce,
  startFleet,
  statusOf,
  target,
  unsafe,
} from "./testing/fleet.ts";
import { rawClient, rawRequest } from "./testing/raw-client.ts";

afterEach(closeFleets);

test("a hang is ended by divert, for idempotent requests only", async () => {
  const { tap, counts } = await startFleet([hang, good]);
  const safe = rawClient(tap.port, infer());
  const other = rawClient(tap.port, unsafe());
  await expect.poll(counts).toEqual([2, 0]);
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(2);
  tap.choice = { ...tap.choice, own: undefined };
  expect(tap.tap.divert()).toBe(1);
  expect(statusOf((await safe.ended).bytes)).toBe("200");
  expect(counts()).toEqual([2, 1]);
  expect(tap.outcomes()).toEqual(["a:diverted", "b:ok"]);
  expect(tap.tap.progress()).toMatchObject({ waitingOnOwn: 1 });
  other.socket.destroy();
});

test("divert takes back a held answer that stalls and a request whose upload is still coming", async () => {
  const stalls = answerWith("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{");
  const { tap, upstreams, counts } = await startFleet([stalls, good]);
  const held = rawClient(tap.port, infer());
  const uploading = rawClient(tap.port, "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
  await expect.poll(() => tap.events.some(({ kind }) => kind === "first-byte")).toBe(true);
  await expect.poll(() => tap.tap.progress().keptBytes).toBeGreaterThan(256);
  tap.choice = { ...tap.choice, own: undefined };
  expect(tap.tap.divert()).toBe(2);
  uploading.socket.write("def");
  expect(statusOf((await held.ended).bytes)).toBe("200");
  await expect.poll(() => uploading.received().toString()).toContain('{"y":1}');
  expect(counts()[1]).toBe(2);
  expect(upstreams[1]?.requests.map(({ body }) => body.toString()).sort()).toEqual(["abcdef", '{"x":1}']);
  uploading.socket.destroy();
});

test("a diverted request is not sent a third time", async () => {
  const { tap, counts } = await startFleet([hang, resetAtOnce, good]);
  const client = rawClient(tap.port, infer());
  await expect.poll(counts).toEqual([1, 0, 0]);
  tap.tap.divert();
  expect((await client.ended).bytes.toString()).toMatch(/locum-reason: reset/);
  expect(counts()).toEqual([1, 1, 0]);
});

test("with nobody to go to, a diverted request goes on waiting", async () => {
  const { tap, upstreams, counts } = await startFleet([hang]);
  const client = rawClient(tap.port, infer());
  await expect.poll(counts).toEqual([1]);
  expect(tap.tap.divert()).toBe(0);
  const [waiting] = upstreams[0]?.requests ?? [];
  waiting?.socket.write(json("200 OK", "{}"));
  expect(statusOf((await client.ended).bytes)).toBe("200");
});

test("a peer's request is served by the own server or not at all", async () => {
  const { tap, counts } = await startFleet([resetAtOnce, good]);
  const fromPeer = infer().replace("Host: h", "Host: h\r\nlocum-hop: 1");
  expect(statusOf(await rawRequest(tap.port, fromPeer))).toBe("502");
  tap.choice = { ...tap.choice, own: undefined };
  expect((await rawRequest(tap.port, fromPeer)).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: not-served-here/,
  );
  expect(counts()).toEqual([1, 0]);
});

test("two taps that both divert do not send a request to and fro", async () => {
  const { tap: first } = await startFleet([good]);
  const { tap: second } = await startFleet([good]);
  first.choice = { own: undefined, others: [target("second", second, "tap")] };
  second.choice = { own: undefined, others: [target("first", first, "tap")] };
  expect((await rawRequest(first.port, infer())).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: not-served-here/,
  );
  expect(second.tap.progress().started).toBe(1);
  expect(first.tap.progress().started).toBe(1);
});

test("a peer whose request hangs here is told at once when this tap diverts", async () => {
  const { tap: peer } = await startFleet([hang]);
  const { tap, counts } = await startFleet([good, good]);
  const [b] = tap.choice.others;
  tap.choice = { own: undefined, others: [target("peer", peer, "tap"), ...(b ? [b] : [])] };
  const client = rawClient(tap.port, infer());
  await expect.poll(() => peer.tap.progress().waitingOnOwn).toBe(1);
  peer.choice = { own: undefined, others: [] };
  peer.tap.divert();
  expect(statusOf((await client.ended).bytes)).toBe("200");
  expect(counts()).toEqual([0, 1]);
});
