import { frameBytesMax } from "@locum/contracts";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { startTestCollector, type TestCollector } from "../collector.fixture.ts";
import { connectSidecar, healthyReport, type TestSidecar } from "../sidecar.fixture.ts";
import { readFrame } from "./stream-session.ts";

const open: (TestCollector | TestSidecar)[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await ("end" in one ? one.end() : one.close());
});
const start = async () => {
  const collector = await startTestCollector();
  open.push(collector);
  return collector;
};
type More = Partial<Parameters<typeof connectSidecar>[0]>;
const connect = async (collector: TestCollector, more: More = {}) => {
  const sidecar = await connectSidecar({ url: collector.url, token: collector.token("sidecar"), ...more });
  open.push(sidecar);
  return sidecar;
};
const breaches = ({ audit }: TestCollector) =>
  audit.records.filter(({ event }) => event.facts.breach === true);
const welcomed = (sidecar: TestSidecar) =>
  vi.waitFor(() => expect(sidecar.frames[0]).toMatchObject({ kind: "welcome" }));

const event = (patch: object = {}) => ({
  kind: "divert.start",
  at: "2026-01-01T00:00:00.000Z",
  service: "s",
  instance: "a",
  actor: "sidecar:a",
  epoch: 0,
  incident: null,
  reason: "",
  facts: {},
  ...patch,
});

test.each([
  ["no token", undefined, 401],
  ["a made-up token", "Bearer 0123456789abcdef0123", 401],
  ["another scheme", "Basic YTpi", 401],
  ["an operator's token", "operator", 403],
  ["an admin's token", "admin", 403],
])("the upgrade is refused with %s", async (_, given, status) => {
  const collector = await start();
  const role = given === "operator" || given === "admin" ? given : null;
  const authorization = role ? `Bearer ${collector.token(role)}` : given;
  const socket = new WebSocket(`${collector.url.replace("http", "ws")}/v1/stream`, {
    headers: authorization ? { authorization } : {},
  });
  const answered = await new Promise<number | undefined>((resolve) => {
    socket.on("unexpected-response", (request, answer) => {
      resolve(answer.statusCode);
      request.destroy();
    });
    socket.on("error", () => undefined);
  });
  expect(answered).toBe(status);
});

test("another path is not upgraded", async () => {
  const collector = await start();
  const socket = new WebSocket(`${collector.url.replace("http", "ws")}/v1/other`, {
    headers: { authorization: `Bearer ${collector.token("sidecar")}` },
  });
  const error = await new Promise<Error>((resolve) => socket.on("error", resolve));
  expect(error.message).toContain("404");
});

const bad: [string, string | Buffer, number][] = [
  ["bytes that are no text frame", Buffer.from([0xff, 0x00, 0x80]), 1003],
  ["text that is not JSON", "{", 1007],
  ["JSON that is no frame", "[1,2,3]", 1008],
  ["an unknown kind", JSON.stringify({ kind: "sudo" }), 1008],
  [
    "a report with a hole",
    JSON.stringify({ kind: "report", seq: 1, sentMs: 0, report: { role: "active" } }),
    1008,
  ],
  [
    "a second hello",
    JSON.stringify({
      kind: "hello",
      version: 1,
      service: "s",
      instance: "a",
      incarnation: "x",
      releases: [],
    }),
    1008,
  ],
  [
    "a record in another's name",
    JSON.stringify({ kind: "record", seq: 0, event: event({ instance: "b" }) }),
    1008,
  ],
  [
    "a record of another actor",
    JSON.stringify({ kind: "record", seq: 0, event: event({ actor: "token:admin" }) }),
    1008,
  ],
  [
    "a record of another service",
    JSON.stringify({ kind: "record", seq: 0, event: event({ service: "t" }) }),
    1008,
  ],
];
test.each(bad)("%s closes the stream, is recorded, and hurts nobody else", async (_, data, code) => {
  const collector = await start();
  const other = await connect(collector, { instance: "b" });
  const sidecar = await connect(collector);
  await welcomed(sidecar);
  sidecar.raw(data);
  expect((await sidecar.closed).code).toBe(code);
  await vi.waitFor(() => expect(breaches(collector)).toHaveLength(1));
  expect(breaches(collector)[0]?.event).toMatchObject({
    service: "s",
    instance: "a",
    facts: { closeCode: code },
  });
  expect(collector.audit.records.filter(({ event: { kind } }) => kind === "divert.start")).toEqual([]);
  other.report();
  await vi.waitFor(() => expect(other.frames.some(({ kind }) => kind === "ack")).toBe(true));
});

test("a text frame that is not UTF-8 closes the stream", async () => {
  const collector = await start();
  const sidecar = await connect(collector);
  await welcomed(sidecar);
  sidecar.raw(Buffer.from([0x22, 0xc3, 0x28, 0x22]), { binary: false });
  expect((await sidecar.closed).code).toBe(1007);
});

test("a frame above the limit is not read to its end", async () => {
  const collector = await start();
  const sidecar = await connect(collector);
  await welcomed(sidecar);
  sidecar.raw("x".repeat(frameBytesMax + 1));
  expect((await sidecar.closed).code).toBe(1009);
  await vi.waitFor(() => expect(breaches(collector)).toHaveLength(1));
});

test.each([
  ["an instance that is not configured", { instance: "z" }],
  ["a service that is not configured", { service: "t" }],
  ["a version of two generations ago", { version: -1 }],
  ["a version of two generations ahead", { version: 3 }],
])("hello with %s is told so and closed", async (_, hello) => {
  const collector = await start();
  const sidecar = await connect(collector, { hello });
  const { code, reason } = await sidecar.closed;
  expect(code).toBe(1008);
  expect(reason).toMatch(/configured|version/);
  expect((await collector.client("viewer").instance("s", "a")).connected).toBe(false);
});

test.each([0, 1, 2])("a sidecar of version %i is served, in the older of both", async (version) => {
  const collector = await start();
  const sidecar = await connect(collector, { hello: { version, fieldOfTheFuture: true } });
  await vi.waitFor(() =>
    expect(sidecar.frames[0]).toMatchObject({ kind: "welcome", version: Math.min(version, 1) }),
  );
  sidecar.report();
  await vi.waitFor(() => expect(sidecar.frames.some(({ kind }) => kind === "ack")).toBe(true));
});

test("a frame before hello closes the stream", async () => {
  const collector = await start();
  const sidecar = await connect(collector, { hello: null });
  sidecar.report();
  expect(await sidecar.closed).toMatchObject({ code: 1008, reason: "the first frame must be hello" });
});

test("two live incarnations of one identity are contested: neither is commanded nor acknowledged", async () => {
  const collector = await start();
  const viewer = collector.client("viewer");
  const first = await connect(collector, { incarnation: "boot-1" });
  first.report();
  await vi.waitFor(() => expect(first.frames.some(({ kind }) => kind === "ack")).toBe(true));
  const second = await connect(collector, { incarnation: "boot-2" });
  await vi.waitFor(async () => expect(await viewer.instance("s", "a")).toMatchObject({ contested: true }));
  second.report();
  const { id } = await collector.client("operator").reload({ service: "s", instance: "a" });
  first.report();
  await vi.waitFor(async () => expect(await viewer.operation(id)).toMatchObject({ endedAtMs: null }));
  await first.end();
  await vi.waitFor(async () => expect(await viewer.instance("s", "a")).toMatchObject({ contested: false }));
  second.report();
  expect(await viewer.wait(id, { pollMs: 20 })).toMatchObject({ state: "done" });
  expect(first.commands()).toEqual([]);
  expect(second.commands().map((command) => command.incarnation)).toContain("boot-2");
});

test("the same boot again replaces its half-open stream without being contested", async () => {
  const collector = await start();
  const first = await connect(collector, { incarnation: "boot-1" });
  await welcomed(first);
  const second = await connect(collector, { incarnation: "boot-1" });
  expect((await first.closed).code).toBe(1012);
  second.report();
  await vi.waitFor(() => expect(second.frames.some(({ kind }) => kind === "ack")).toBe(true));
  expect(await collector.client("viewer").instance("s", "a")).toMatchObject({
    contested: false,
    connected: true,
  });
});

test("records are acknowledged when they are on disk, once each, through resends and restarts", async () => {
  const first = await start();
  const recorded = (sidecar: TestSidecar) =>
    Math.max(-1, ...sidecar.frames.flatMap((frame) => (frame.kind === "recorded" ? [frame.seq] : [])));
  const own = ({ audit }: TestCollector) =>
    audit.records
      .filter(({ event: { kind } }) => kind === "input.finding")
      .map(({ event: { facts } }) => facts.n);
  const record = (sidecar: TestSidecar, seq: number) =>
    sidecar.send({ kind: "record", seq, event: event({ kind: "input.finding", facts: { n: seq } }) });

  const a = await connect(first);
  await welcomed(a);
  first.audit.failWith(new Error("full"));
  for (const seq of [0, 1, 2]) record(a, seq);
  a.report();
  await vi.waitFor(() => expect(a.frames.some(({ kind }) => kind === "ack")).toBe(true));
  expect(recorded(a)).toBe(-1);
  first.audit.failWith(null);
  await vi.waitFor(() => expect(recorded(a)).toBe(2), { timeout: 5000 });
  expect(own(first)).toEqual([0, 1, 2]);

  open.splice(open.indexOf(first), 1);
  const second = await first.restart();
  open.push(second);
  const again = await connect(second, { incarnation: "boot-2" });
  await welcomed(again);
  for (const seq of [1, 2, 3]) record(again, seq);
  await vi.waitFor(() => expect(recorded(again)).toBe(3));
  expect(own(second)).toEqual([0, 1, 2, 3]);
});

test("a record counted from zero again by a sidecar that lost its disk is another record", async () => {
  const collector = await start();
  const a = await connect(collector);
  await welcomed(a);
  const send = (reason: string) =>
    a.send({ kind: "record", seq: 0, event: event({ kind: "input.finding", reason }) });
  send("before");
  send("after");
  send("before");
  await vi.waitFor(() =>
    expect(
      collector.audit.records
        .filter(({ event: { kind } }) => kind === "input.finding")
        .map(({ event: { reason } }) => reason),
    ).toEqual(["before", "after"]),
  );
});

test("readFrame never throws, whatever the bytes, and keeps what is a frame", () => {
  const frame = { kind: "report", seq: 1, sentMs: 2, report: healthyReport() };
  const mutated = fc
    .tuple(fc.constant(JSON.stringify(frame)), fc.nat(), fc.uint8Array({ maxLength: 8 }))
    .map(([text, at, bytes]) => {
      const buffer = Buffer.from(text);
      buffer.set(bytes.subarray(0, Math.max(0, buffer.length - (at % buffer.length))), at % buffer.length);
      return buffer;
    });
  const anything = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
    fc.object().map((value) => Buffer.from(JSON.stringify({ ...value, kind: "report" }))),
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      const read = readFrame(bytes);
      if ("closing" in read) expect([1003, 1007, 1008]).toContain(read.closing.code);
      else expect(read.frame.kind).toBeTypeOf("string");
    }),
    { numRuns: 500 },
  );
  expect(readFrame(Buffer.from(JSON.stringify(frame)))).toEqual({ frame });
});
