import { expect, test } from "vitest";
import { errno } from "../testing/memory-log-fs.ts";
import type { Shipper } from "./open-shipper.ts";
import { createScriptedServer } from "./testing/scripted-server.ts";
import { createShipRig } from "./testing/ship-rig.ts";

const timeoutMs = 3_600_000;

test("every record is in the stream once, and the figures add up", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(2500);
  const shipper = await rig.open();
  expect(shipper.view()).toMatchObject({ elasticsearch: "off", appended: 2500, acked: 0, pending: 2500 });
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({
    elasticsearch: "reachable",
    family: "Elasticsearch 9.5.3",
    head: 2499,
    acked: 2500,
    pending: 0,
    oldestPendingMs: null,
    problem: null,
  });
  expect(server.all().map(([, { event }]) => event.original)).toEqual(rig.lines);
  await rig.end(shipper);
});

test("what comes later is shipped without being asked for", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  const shipper = await rig.open();
  shipper.start();
  rig.fill(3);
  // This clock runs ahead of the polls: a day's note of the shipper's own may be there as well.
  await expect.poll(() => shipper.view().acked).toBeGreaterThanOrEqual(3);
  rig.fill(2);
  await expect.poll(() => shipper.view().acked).toBeGreaterThanOrEqual(5);
  await rig.end(shipper);
});

test("a document that is not the record is told, counted, and never overwritten", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(5);
  const first = await rig.open();
  await first.drain({ timeoutMs });
  await first.close();
  for (const [id, document] of server.indices[0] ?? [])
    if (document.event.sequence === 2)
      server.indices[0]?.set(id, { ...document, event: { ...document.event, hash: "f".repeat(64) } });
  const shipper = await rig.open({ dir: "/second" });
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({ acked: 5, differing: 1, pending: 0 });
  await rig.clock.pass(60_000);
  expect(rig.notes.filter(({ kind }) => kind === "audit.differ").map(({ facts }) => facts)).toEqual([
    { count: 1 },
  ]);
  expect(server.all().filter(([, { event }]) => event.hash === "f".repeat(64))).toHaveLength(1);
  await rig.end(shipper);
});

test("without a read key a conflict counts as acked, and what cannot be done is said", async () => {
  const server = createScriptedServer({ script: [{ kind: "cut-after" }] });
  const rig = createShipRig(server);
  rig.fill(5);
  const shipper = await rig.open({ reader: undefined });
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({ acked: 5, problem: { code: "es-no-reader" } });
  const paths = server.control.requests.map(({ path }) => path);
  expect(paths.filter((path) => /_search|_refresh/.test(path))).toEqual([]);
  await rig.end(shipper);
});

test.for(["elasticsearch", "opensearch"] as const)(
  "nothing is written to %s before it is set up",
  async (family) => {
    const server = createScriptedServer({ family });
    server.control.isSetUp = false;
    const rig = createShipRig(server);
    rig.fill(5);
    const shipper = await rig.open();
    expect(await shipper.drain({ timeoutMs: 600_000 })).toBe(false);
    expect(shipper.view()).toMatchObject({
      elasticsearch: "refusing",
      acked: 0,
      pending: 5,
      problem: { code: "es-not-set-up" },
    });
    expect(server.control.requests.filter(({ path }) => path === "/_bulk")).toEqual([]);
    server.control.isSetUp = true;
    expect(await shipper.drain({ timeoutMs })).toBe(true);
    expect(shipper.view()).toMatchObject({ acked: 5, problem: null });
    const bulk = server.control.requests.find(({ path }) => path === "/_bulk");
    expect(bulk?.query?.require_data_stream).toBe(family === "elasticsearch" ? true : undefined);
    await rig.end(shipper);
  },
);

test.for([
  ["elasticsearch", null, 5],
  ["opensearch", "es-refuses", 0],
] as const)(
  "a key that may only create documents makes no plain index: %s",
  async ([family, code, acked]) => {
    const server = createScriptedServer({ family });
    server.control.isBlind = true;
    const rig = createShipRig(server);
    rig.fill(5);
    const shipper = await rig.open({ reader: undefined });
    expect(await shipper.drain({ timeoutMs: 600_000 })).toBe(acked === 5);
    expect(shipper.view()).toMatchObject({ acked, pending: 5 - acked });
    if (code !== null) expect(shipper.view().problem).toMatchObject({ code });
    const bulk = server.control.requests.find(({ path }) => path === "/_bulk");
    expect(bulk?.query?.require_data_stream).toBe(true);
    await rig.end(shipper);
  },
);

test("while the server is away one request at a time asks for it, ever more slowly", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(6000);
  server.control.isAway = true;
  const shipper = await rig.open();
  expect(await shipper.drain({ timeoutMs: 3_600_000 })).toBe(false);
  expect(shipper.view()).toMatchObject({ elasticsearch: "unreachable", problem: { code: "es-unreachable" } });
  expect(shipper.view().oldestPendingMs).toBeGreaterThan(3_000_000);
  const asked = server.control.requests.length;
  expect(asked).toBeGreaterThan(100);
  expect(asked).toBeLessThan(1000);
  expect(server.control.atOnceMax).toBeLessThanOrEqual(2);
  server.control.isAway = false;
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(server.control.atOnceMax).toBeLessThanOrEqual(4);
  expect(shipper.view()).toMatchObject({ acked: 6000, problem: null });
  await rig.end(shipper);
});

test("however long the log, only a few batches of it are in memory", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(300);
  let read = 0;
  const shipper = await rig.open({
    batch: { countMax: 10, bytesMax: 1_000_000 },
    async *lines(first) {
      for (const line of rig.lines.slice(first)) {
        read += 1;
        const { acked } = shipper.view();
        expect(read - acked).toBeLessThanOrEqual(60);
        yield line;
      }
    },
  });
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(read).toBe(300);
  await rig.end(shipper);
});

test("one record that does not go through is not left far behind", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(3000);
  server.control.forbids = ({ event }) => event.sequence === 5;
  const shipper = await rig.open({ batch: { countMax: 10, bytesMax: 1_000_000 } });
  expect(await shipper.drain({ timeoutMs: 3_600_000 })).toBe(false);
  expect(shipper.view()).toMatchObject({ problem: { code: "es-not-authorised" } });
  expect(shipper.view().acked).toBeGreaterThan(900);
  expect(shipper.view().acked).toBeLessThan(1100);
  server.control.forbids = () => false;
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(server.all()).toHaveLength(3000);
  await rig.end(shipper);
});

test("a document that is too large for the server goes without its original, with its place in the log", async () => {
  const server = createScriptedServer({ bytesMax: 20_000 });
  const rig = createShipRig(server);
  rig.fill(30);
  rig.fill(1, {
    facts: Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`f${at}`, "x".repeat(1000)])),
  });
  rig.fill(2);
  const shipper = await rig.open();
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({ acked: 32, rejected: 1, pending: 0 });
  const [, large] = server.all().find(([, { event }]) => event.sequence === 30) ?? [];
  expect(large?.event).toMatchObject({ kind: "pipeline_error", reference: expect.stringContaining("log.") });
  expect(large?.event.original).toBeUndefined();
  await rig.end(shipper);
});

test("a damaged line is a dead letter, and the others are shipped", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(5);
  rig.lines[2] = rig.lines[2]?.slice(0, 40) ?? "";
  rig.lines[3] = rig.lines[4] ?? "";
  const shipper = await rig.open();
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({ acked: 3, rejected: 2, pending: 0 });
  expect(server.all().map(([, { event }]) => event.sequence)).toEqual([0, 1, 4]);
  await rig.end(shipper);
});

test("a full disk stops the copy and loses nothing", async () => {
  const server = createScriptedServer({ refuses: ({ event }) => event.kind !== "pipeline_error" });
  const rig = createShipRig(server);
  rig.fill(5);
  const shipper = await rig.open();
  rig.disk.control.fail = (call) => (call === "append" || call === "replace" ? errno("ENOSPC") : undefined);
  expect(await shipper.drain({ timeoutMs: 60_000 })).toBe(false);
  expect(shipper.view()).toMatchObject({ acked: 0, rejected: 0, pending: 5, problem: { code: "disk-full" } });
  rig.disk.control.fail = () => undefined;
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({ rejected: 5, problem: null });
  await rig.end(shipper);
});

test("a log that cannot be read on is told and tried again", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(5);
  let isBad = true;
  const shipper = await rig.open({
    async *lines(first) {
      yield* rig.lines.slice(first, 3);
      if (isBad) throw errno("EIO");
      yield* rig.lines.slice(Math.max(first, 3));
    },
  });
  expect(await shipper.drain({ timeoutMs: 60_000 })).toBe(false);
  expect(shipper.view()).toMatchObject({ problem: { code: "log-unreadable" } });
  isBad = false;
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({ acked: 5, problem: null });
  await rig.end(shipper);
});

test("refusals are noted once a minute, and a note that is refused itself is not", async () => {
  const server = createScriptedServer({ refuses: ({ event }) => event.kind !== "pipeline_error" });
  const rig = createShipRig(server);
  rig.fill(50);
  const shipper = await rig.open();
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  await rig.clock.pass(600_000);
  const told = () => rig.notes.filter(({ kind }) => kind === "audit.reject").map(({ facts }) => facts.count);
  expect(told()).toEqual([50]);
  // The records, that note, and that the copy was counted.
  expect(shipper.view()).toMatchObject({ appended: 52, rejected: 52, pending: 0 });
  for (let seconds = 0; seconds < 180; seconds += 5) {
    rig.fill(1);
    await rig.clock.pass(5000);
  }
  expect(told().length).toBeGreaterThan(2);
  expect(told().length).toBeLessThan(6);
  await rig.end(shipper);
});

test.for([
  ["empty", ""],
  ["torn", "x"],
  ["of another sum", '00000000 {"next":99}'],
  ["full of zeros", "\u0000".repeat(100_000)],
  ["lost", undefined],
] as const)("a cursor that is %s means to look at everything again", async ([, text]) => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(50);
  const first = await rig.open();
  await first.drain({ timeoutMs });
  await first.close();
  server.rollover();
  if (text === undefined) await rig.disk.fs.remove("/ship/log/cursor.json");
  else await rig.disk.fs.replace("/ship/log/cursor.json", text);
  const shipper = await rig.open();
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({ acked: 50, pending: 0 });
  expect(server.all()).toHaveLength(50);
  await rig.end(shipper);
});

test("closing cuts off what is under way, at once", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(3000);
  server.control.isAway = true;
  const shipper: Shipper = await rig.open();
  const drained = shipper.drain({ timeoutMs });
  await expect.poll(() => shipper.view().problem?.code).toBe("es-unreachable");
  await shipper.close();
  expect(await drained).toBe(false);
  expect(shipper.view()).toMatchObject({ elasticsearch: "off", pending: 3000 });
  rig.clock.stop();
});
