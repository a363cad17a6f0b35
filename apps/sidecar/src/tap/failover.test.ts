import type { Wire } from "@locum/serving";
import { afterEach, expect, test } from "vitest";
import {
  answerWith,
  bad500,
  bad503,
  closeFleets,
  deadTarget,
  type Fault,
  garbage,
  good,
  hang,
  infer,
  json,
  notFinite,
  resetAtOnce,
  resetInHead,
  startFleet,
  statusOf,
  truncated,
  unsafe,
} from "./testing/fleet.ts";
import { rawClient, rawRequest } from "./testing/raw-client.ts";
import { testWire } from "./testing/test-wire.ts";

afterEach(closeFleets);

test.each<{ name: string; own: Fault; outcome: string }>([
  { name: "a reset before the head", own: resetAtOnce, outcome: "a:reset!" },
  { name: "a reset within the head", own: resetInHead, outcome: "a:reset!" },
  { name: "an answer that is no HTTP", own: garbage, outcome: "a:malformed!" },
  { name: "a held answer cut short", own: truncated, outcome: "a:truncated!" },
  { name: "a 5xx", own: bad500, outcome: "a:status5xx!" },
  { name: "an answer that is not finite", own: notFinite, outcome: "a:not-finite!" },
])("$name is answered by another instance", async ({ own, outcome }) => {
  const { tap, upstreams } = await startFleet([own, good]);
  const answer = (await rawRequest(tap.port, infer())).toString();
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\{"y":1\}$/);
  expect(upstreams[1]?.requests[0]?.body.toString()).toBe('{"x":1}');
  expect(tap.outcomes().sort()).toEqual([outcome, "b:ok"]);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0, resends: 1 });
});

test("a refused connection is answered by another instance, on unsafe routes too: nothing was sent", async () => {
  const { tap, counts } = await startFleet([good, good]);
  tap.choice = { ...tap.choice, own: await deadTarget("dead") };
  for (const request of [infer(), unsafe()])
    expect(statusOf(await rawRequest(tap.port, request))).toBe("200");
  expect(counts()).toEqual([0, 2]);
  expect(tap.outcomes()).toEqual(["dead:refused!", "b:ok", "dead:refused!", "b:ok"]);
});

test.each<{ name: string; own: Fault; answer: RegExp }>([
  { name: "a reset", own: resetAtOnce, answer: /^HTTP\/1.1 502 [\s\S]*locum-reason: reset/ },
  { name: "a 5xx", own: bad500, answer: /^HTTP\/1.1 500 Oh[\s\S]*\{"error":"a"\}$/ },
])("$name of an unsafe request is not sent again", async ({ own, answer }) => {
  const { tap, counts } = await startFleet([own, good]);
  expect((await rawRequest(tap.port, unsafe())).toString()).toMatch(answer);
  expect(counts()).toEqual([1, 0]);
});

test.each<{ name: string; faults: Fault[]; answer: RegExp; outcomes: string[] }>([
  {
    name: "5xx everywhere: the first passes unchanged and counts against nobody",
    faults: [bad500, bad503, good],
    answer: /^HTTP\/1.1 500 Oh[\s\S]*\{"error":"a"\}$/,
    outcomes: ["a:status5xx", "b:status5xx"],
  },
  {
    name: "5xx, then a reset: the 5xx passes",
    faults: [bad500, resetAtOnce, good],
    answer: /^HTTP\/1.1 500 Oh/,
    outcomes: ["a:status5xx", "b:reset!"],
  },
  {
    name: "5xx, then a 4xx: that instance may only lack the model",
    faults: [bad500, answerWith(json("404 No", "{}"))],
    answer: /^HTTP\/1.1 500 Oh/,
    outcomes: ["a:status5xx", "b:ok"],
  },
  {
    name: "a reset, then a 5xx: the only answer passes",
    faults: [resetAtOnce, bad503, good],
    answer: /^HTTP\/1.1 503 Busy/,
    outcomes: ["a:reset!", "b:status5xx"],
  },
  {
    name: "two instances died: no third is tried",
    faults: [resetAtOnce, resetAtOnce, good],
    answer: /^HTTP\/1.1 502 [\s\S]*locum-reason: reset/,
    outcomes: ["a:reset!", "b:reset!"],
  },
  {
    name: "not finite everywhere: the first passes",
    faults: [notFinite, notFinite, good],
    answer: /^HTTP\/1.1 200 OK[\s\S]*NaN/,
    outcomes: ["a:not-finite!", "b:not-finite!"],
  },
  {
    name: "cut short everywhere: an error, never a part",
    faults: [truncated, truncated, good],
    answer: /^HTTP\/1.1 502 [\s\S]*locum-reason: truncated/,
    outcomes: ["a:truncated!", "b:truncated!"],
  },
])("$name", async ({ faults, answer, outcomes }) => {
  const { tap, upstreams } = await startFleet(faults);
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(answer);
  expect(tap.outcomes().sort()).toEqual(outcomes);
  expect(upstreams[2]?.requests ?? []).toEqual([]);
});

test("failing closed, an answer that is not finite becomes a 503", async () => {
  const { tap } = await startFleet([notFinite, resetAtOnce], { failClosed: true });
  const answer = (await rawRequest(tap.port, infer())).toString();
  expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*locum-reason: not-finite[\s\S]*retry-after: 1/);
  expect(answer).not.toContain("NaN");
});

test.each([
  ["malformed", "503"],
  ["wrong-model", "503"],
  ["flood", "200"],
  ["empty", "200"],
] as const)("failing closed, %s that nobody gave better ends as %s", async (kind, status) => {
  const wire: Wire = { ...testWire, defect: () => ({ kind, detail: "" }) };
  const { tap } = await startFleet([good, good], {
    failClosed: true,
    classify: () => ({ kind: "infer", wire, model: "m", idempotent: true }),
  });
  expect(statusOf(await rawRequest(tap.port, infer()))).toBe(status);
  expect(tap.outcomes().sort()).toEqual([`a:${kind}!`, `b:${kind}!`]);
});

test("while another instance is asked, no more than the limit of a 5xx is taken in", async () => {
  const size = 50_000_000;
  const { tap, counts } = await startFleet([answerWith(json("500 Oh", "e".repeat(size))), hang, good]);
  const taken = () =>
    tap.events.reduce((sum, it) => sum + (it.kind === "bytes" && it.target === "a" ? it.bytes : 0), 0);
  const client = rawClient(tap.port, infer());
  await expect.poll(counts).toEqual([1, 1, 0]);
  await expect.poll(taken).toBeGreaterThan(64 * 1024);
  // Fifty other requests go by, in which all of it could have come.
  tap.choice = { own: tap.choice.others[1], others: [] };
  for (let i = 0; i < 50; i += 1) await rawRequest(tap.port, infer());
  expect(taken()).toBeLessThan(1_000_000);
  client.socket.destroy();
});

test("a large 5xx is held by back-pressure and passes whole when the other instance fails too", async () => {
  const large = "e".repeat(3_000_000);
  const { tap } = await startFleet([answerWith(json("500 Oh", large)), bad503]);
  const bytes = await rawRequest(tap.port, infer());
  expect(statusOf(bytes)).toBe("500");
  expect(bytes.toString().endsWith(`\r\n\r\n${large}`)).toBe(true);
});

test.each([
  ["a stream with chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "POST /infer HTTP/1.1", false],
  [
    "a stream to its close, HTTP/1.0",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "POST /infer HTTP/1.0",
    true,
  ],
  [
    "a large answer with a length",
    `Content-Length: 100000\r\n\r\n${"x".repeat(50_000)}`,
    "POST /infer HTTP/1.1",
    false,
  ],
])("%s that breaks off is cut for the client too, and not sent again", async (_name, rest, line, reset) => {
  const { tap, counts, upstreams } = await startFleet([answerWith(`HTTP/1.1 200 OK\r\n${rest}`), good]);
  const client = rawClient(tap.port, `${line}\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}`);
  await expect.poll(() => /hello|xxx/.test(client.received().toString())).toBe(true);
  upstreams[0]?.requests[0]?.socket.destroy();
  const end = await client.ended;
  expect(end.bytes.toString()).not.toMatch(/\r\n0\r\n\r\n$/);
  expect(end.reset).toBe(reset);
  expect(counts()).toEqual([1, 0]);
  expect(tap.outcomes()).toEqual(["a:truncated!"]);
});

test("a stale idle connection is replaced, without a word against the instance", async () => {
  let close = true;
  const { tap, counts, upstreams } = await startFleet([
    (request) => {
      // The second request on the first connection meets a server that has just closed it.
      if (close && request.connection === 0 && upstreams[0]?.requests.length === 2) {
        close = false;
        return void request.socket.resetAndDestroy();
      }
      good(request);
    },
    good,
  ]);
  for (let i = 0; i < 2; i += 1) expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
  expect(counts()).toEqual([3, 0]);
  expect(upstreams[0]?.connections()).toBe(2);
  expect(tap.outcomes()).toEqual(["a:ok", "a:ok"]);
  expect(tap.tap.progress()).toMatchObject({ staleRetries: 1, resends: 0 });
});

test("a server that closes behind a 500, as uvicorn does, loses no upload that cannot be sent again", async () => {
  const { tap, counts } = await startFleet(
    [
      (request) => {
        if (request.connection > 0) return good(request);
        bad500(request);
        request.socket.removeAllListeners("data");
        // Nothing tells the client of it before the next request is on its way.
        request.socket.once("data", () => request.socket.resetAndDestroy());
      },
    ],
    { limits: { bodyKeptBytes: 100 } },
  );
  expect(statusOf(await rawRequest(tap.port, infer()))).toBe("500");
  expect(statusOf(await rawRequest(tap.port, infer("x".repeat(2_000))))).toBe("200");
  expect(statusOf(await rawRequest(tap.port, unsafe()))).toBe("200");
  expect(counts()).toEqual([3]);
});

test("beyond the budget the failure passes", async () => {
  const { tap, counts } = await startFleet([resetAtOnce, good], {
    limits: { retryRatio: 0, retryBurstPerSecond: 0.2 },
  });
  const statuses: (string | undefined)[] = [];
  for (let i = 0; i < 4; i += 1) statuses.push(statusOf(await rawRequest(tap.port, infer())));
  expect(statuses).toEqual(["200", "200", "502", "502"]);
  expect(counts()).toEqual([4, 2]);
  expect(tap.tap.progress().budgetEmpty).toBe(2);
});

test.each([
  ["one body", { bodyKeptBytes: 1_000 }],
  ["all bodies together", { allBodiesKeptBytes: 1_000 }],
])("beyond the limit of %s a request is streamed and not sent again", async (_name, limits) => {
  const { tap, counts, upstreams } = await startFleet([resetAtOnce, good], { limits });
  expect(statusOf(await rawRequest(tap.port, infer("x".repeat(2_000))))).toBe("502");
  expect(counts()).toEqual([1, 0]);
  expect(upstreams[0]?.requests[0]?.body.length).toBe(2_000);
  expect(statusOf(await rawRequest(tap.port, infer("x".repeat(500))))).toBe("200");
});
