import { afterEach, expect, test } from "vitest";
import type { TapDeps } from "./tap-deps.ts";
import type { Target } from "./target.ts";
import { rawClient, rawRequest } from "./testing/raw-client.ts";
import { type RawRequest, type RawUpstream, startRawUpstream } from "./testing/raw-upstream.ts";
import { type StartedTap, startTap } from "./testing/start-tap.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

type Fault = (request: RawRequest) => void;

const answerWith =
  (text: string): Fault =>
  ({ socket }) =>
    void socket.write(text, "latin1");
const json = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const good = answerWith(json("200 OK", '{"y":1}'));
const bad500 = answerWith(json("500 Oh", '{"error":"a"}'));
const bad503 = answerWith(json("503 Busy", '{"error":"b"}'));
const notFinite = answerWith(json("200 OK", '{"y":NaN}'));
const resetAtOnce: Fault = ({ socket }) => void socket.resetAndDestroy();
const resetInHead: Fault = ({ socket }) =>
  void socket.write("HTTP/1.1 200 OK\r\nContent-", () => socket.destroy());
const garbage = answerWith("SSH-2.0-OpenSSH_9.2\r\n\r\n");
const truncated: Fault = ({ socket }) =>
  void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{", () => socket.destroy());
const hang: Fault = () => {};

const target = (id: string, upstream: { url: string }, hop: Target["hop"] = "model"): Target => ({
  id,
  url: upstream.url,
  hop,
});

async function start(
  faults: Fault[],
  deps: Partial<Omit<TapDeps, "route">> = {},
): Promise<{ tap: StartedTap; upstreams: RawUpstream[]; counts: () => number[] }> {
  const upstreams: RawUpstream[] = [];
  for (const fault of faults) upstreams.push(await startRawUpstream(fault));
  const [own, ...others] = upstreams.map((it, i) => target("abc"[i] ?? "?", it));
  const tap = await startTap({ own, others }, deps);
  open.push(...upstreams, tap);
  return { tap, upstreams, counts: () => upstreams.map((it) => it.requests.length) };
}

async function deadTarget(id: string): Promise<Target> {
  const gone = await startRawUpstream(() => {});
  await gone.close();
  return target(id, gone);
}

const infer = (body = '{"x":1}') =>
  `POST /infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const unsafe = (body = "{}") =>
  `POST /generate HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const statusOf = (bytes: Buffer) => /^HTTP\/1.1 (\d+)/.exec(bytes.toString("latin1"))?.[1];

test.each<{ name: string; own: Fault; outcome: string }>([
  { name: "a reset before the head", own: resetAtOnce, outcome: "a:reset!" },
  { name: "a reset within the head", own: resetInHead, outcome: "a:reset!" },
  { name: "an answer that is no HTTP", own: garbage, outcome: "a:reset!" },
  { name: "a held answer cut short", own: truncated, outcome: "a:truncated!" },
  { name: "a 5xx", own: bad500, outcome: "a:status5xx!" },
  { name: "an answer that is not finite", own: notFinite, outcome: "a:not-finite!" },
])("$name is answered by another instance", async ({ own, outcome }) => {
  const { tap, upstreams } = await start([own, good]);
  const answer = (await rawRequest(tap.port, infer())).toString();
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\{"y":1\}$/);
  expect(upstreams[1]?.requests[0]?.body.toString()).toBe('{"x":1}');
  expect(tap.outcomes().sort()).toEqual([outcome, "b:ok"]);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0, resends: 1 });
});

test("a refused connection is answered by another instance, on unsafe routes too: nothing was sent", async () => {
  const { tap, counts } = await start([good, good]);
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
  const { tap, counts } = await start([own, good]);
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
  const { tap, upstreams } = await start(faults);
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(answer);
  expect(tap.outcomes().sort()).toEqual(outcomes);
  expect(upstreams[2]?.requests ?? []).toEqual([]);
});

test("failing closed, an answer that is not finite becomes a 503", async () => {
  const { tap } = await start([notFinite, resetAtOnce], { failClosed: true });
  const answer = (await rawRequest(tap.port, infer())).toString();
  expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*locum-reason: not-finite[\s\S]*retry-after: 1/);
  expect(answer).not.toContain("NaN");
});

test("a large 5xx is held by back-pressure and passes whole when the other instance fails too", async () => {
  const large = "e".repeat(3_000_000);
  const { tap } = await start([answerWith(json("500 Oh", large)), bad503]);
  const bytes = await rawRequest(tap.port, infer());
  expect(statusOf(bytes)).toBe("500");
  expect(bytes.toString().endsWith(`\r\n\r\n${large}`)).toBe(true);
});

test("a hang is ended by divert, for idempotent requests only", async () => {
  const { tap, counts } = await start([hang, good]);
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
  const { tap, upstreams, counts } = await start([stalls, good]);
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
  const { tap, counts } = await start([hang, resetAtOnce, good]);
  const client = rawClient(tap.port, infer());
  await expect.poll(counts).toEqual([1, 0, 0]);
  tap.tap.divert();
  expect((await client.ended).bytes.toString()).toMatch(/locum-reason: reset/);
  expect(counts()).toEqual([1, 1, 0]);
});

test("with nobody to go to, a diverted request goes on waiting", async () => {
  const { tap, upstreams, counts } = await start([hang]);
  const client = rawClient(tap.port, infer());
  await expect.poll(counts).toEqual([1]);
  expect(tap.tap.divert()).toBe(0);
  const [waiting] = upstreams[0]?.requests ?? [];
  waiting?.socket.write(json("200 OK", "{}"));
  expect(statusOf((await client.ended).bytes)).toBe("200");
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
  const { tap, counts, upstreams } = await start([answerWith(`HTTP/1.1 200 OK\r\n${rest}`), good]);
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
  const { tap, counts, upstreams } = await start([
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

test("beyond the budget the failure passes", async () => {
  const { tap, counts } = await start([resetAtOnce, good], {
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
  const { tap, counts, upstreams } = await start([resetAtOnce, good], { limits });
  expect(statusOf(await rawRequest(tap.port, infer("x".repeat(2_000))))).toBe("502");
  expect(counts()).toEqual([1, 0]);
  expect(upstreams[0]?.requests[0]?.body.length).toBe(2_000);
  expect(statusOf(await rawRequest(tap.port, infer("x".repeat(500))))).toBe("200");
});

test("a peer's request is served by the own server or not at all", async () => {
  const { tap, counts } = await start([resetAtOnce, good]);
  const fromPeer = infer().replace("Host: h", "Host: h\r\nlocum-hop: 1");
  expect(statusOf(await rawRequest(tap.port, fromPeer))).toBe("502");
  tap.choice = { ...tap.choice, own: undefined };
  expect((await rawRequest(tap.port, fromPeer)).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: not-served-here/,
  );
  expect(counts()).toEqual([1, 0]);
});

test("two taps that both divert do not send a request to and fro", async () => {
  const { tap: first } = await start([good]);
  const { tap: second } = await start([good]);
  first.choice = { own: undefined, others: [target("second", second, "tap")] };
  second.choice = { own: undefined, others: [target("first", first, "tap")] };
  expect((await rawRequest(first.port, infer())).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: not-served-here/,
  );
  expect(second.tap.progress().started).toBe(1);
  expect(first.tap.progress().started).toBe(1);
});

test("a peer whose request hangs here is told at once when this tap diverts", async () => {
  const { tap: peer } = await start([hang]);
  const { tap, counts } = await start([good, good]);
  const [b] = tap.choice.others;
  tap.choice = { own: undefined, others: [target("peer", peer, "tap"), ...(b ? [b] : [])] };
  const client = rawClient(tap.port, infer());
  await expect.poll(() => peer.tap.progress().waitingOnOwn).toBe(1);
  peer.choice = { own: undefined, others: [] };
  peer.tap.divert();
  expect(statusOf((await client.ended).bytes)).toBe("200");
  expect(counts()).toEqual([0, 1]);
});

test("no target and fenced are clear refusals", async () => {
  let fenced = false;
  const { tap } = await start([good], { fenced: () => fenced, stamp: () => ({ "locum-epoch": "7" }) });
  expect((await rawRequest(tap.port, infer())).toString()).toContain("locum-epoch: 7");
  tap.choice = { own: undefined, others: [] };
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: no-fit-instance\r\nretry-after: 1\r\nlocum-epoch: 7/,
  );
  fenced = true;
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: fenced/,
  );
});

test("what observes and inspects may throw without harm, and the input is looked at after the answer", async () => {
  const seen: string[] = [];
  const boom = () => {
    throw new Error("boom");
  };
  const { tap } = await start([good], {
    observe: boom,
    inspectAnswer: boom,
    inspectRequest(model, headers, body) {
      seen.push(`${model} ${headers.host} ${body}`);
      boom();
    },
  });
  expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
  await expect.poll(() => seen).toEqual(['m h {"x":1}']);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ keptBytes: 0, inflight: 0 });
});

test("requests to the own server carry its credentials and never the hop header", async () => {
  const { tap, upstreams } = await start([good]);
  const own = { ...target("a", { url: upstreams[0]?.url ?? "" }), headers: { Authorization: "Bearer t" } };
  tap.choice = { own, others: [] };
  await rawRequest(tap.port, infer().replace("Host: h", "Host: h\r\nauthorization: mine\r\nLocum-Hop: 3"));
  expect(upstreams[0]?.requests[0]?.head).toBe(
    "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nAuthorization: Bearer t",
  );
});

test("a target that cannot be dialled is refused like a closed port", async () => {
  const { tap } = await start([good, good]);
  const own: Target = { id: "x", url: "ftp://nowhere", hop: "model" };
  tap.choice = { ...tap.choice, own };
  expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
  expect(tap.outcomes()).toEqual(["x:refused!", "b:ok"]);
});

test("drain lets what is in flight finish and takes nothing new", async () => {
  const { tap, upstreams, counts } = await start([hang]);
  const client = rawClient(tap.port, infer());
  await expect.poll(counts).toEqual([1]);
  const drained = tap.tap.drain(60_000);
  expect((await rawClient(tap.port).ended).reset).toBe(true);
  upstreams[0]?.requests[0]?.socket.write(json("200 OK", "{}"));
  expect((await client.ended).bytes.toString()).toMatch(/^HTTP\/1.1 200 OK/);
  await drained;
  await expect.poll(() => upstreams[0]?.openSockets()).toBe(0);
});
