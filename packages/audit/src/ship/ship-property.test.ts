import { auditDocumentId, Fault } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogFs } from "../log-fs.ts";
import { faultyLogFs } from "../testing/faulty-log-fs.ts";
import { openLetters } from "./letters.ts";
import type { Shipper } from "./open-shipper.ts";
import { createMortal } from "./testing/mortal.ts";
import { createScriptedServer, type Document, type Mishap } from "./testing/scripted-server.ts";
import { createShipRig } from "./testing/ship-rig.ts";

const timeoutMs = 7_200_000;
const batch = { countMax: 20, bytesMax: 1_000_000 };

const every = fc.integer({ min: 1, max: 4 });
const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  fc.constantFrom(
    ...(
      [
        "none",
        "cut-before",
        "cut-after",
        "html",
        "not-json",
        "fewer",
        "more",
        "reordered",
        "other-ids",
        "rollover-before",
        "rollover-after-cut",
      ] as const
    ).map((kind) => ({ kind })),
  ),
  fc.constantFrom<Mishap>(
    { kind: "status", status: 429, type: "circuit_breaking_exception" },
    { kind: "status", status: 503, type: "" },
    { kind: "status", status: 502, type: "", applied: true },
    { kind: "status", status: 408, type: "", applied: true },
    { kind: "status", status: 500, type: "", applied: true },
    { kind: "status", status: 413, type: "" },
    { kind: "status", status: 401, type: "security_exception" },
    { kind: "status", status: 403, type: "security_exception" },
    { kind: "status", status: 404, type: "index_not_found_exception" },
  ),
  fc.record({
    kind: fc.constant("items" as const),
    status: fc.constantFrom(429, 503, 403, 408),
    type: fc.constantFrom("es_rejected_execution_exception", "rejected_execution_exception"),
    every,
  }),
  fc.record({ kind: fc.constant("failure-store" as const), every }),
  fc.record({ kind: fc.constant("items-failed-but-applied" as const), every }),
);
const kill = fc.record({
  at: fc.integer({ min: 0, max: 60 }),
  isDone: fc.boolean(),
  cut: fc.constantFrom(0, 100, 1_000_000),
  rollover: fc.boolean(),
});
const story = fc.record({
  records: fc.integer({ min: 0, max: 200 }),
  script: fc.array(mishap, { maxLength: 25 }),
  kills: fc.array(kill, { maxLength: 4 }),
  refusedEvery: fc.constantFrom(0, 0, 5, 1),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
});

/** The sum holds at any time. */
function addsUp(shipper: Shipper): void {
  const { appended, acked, quarantined, rejected, pending, differing } = shipper.view();
  expect(acked + quarantined + rejected + pending).toBe(appended);
  expect(Math.min(acked, quarantined, rejected, pending)).toBeGreaterThanOrEqual(0);
  expect(differing).toBe(0);
}

const isOriginal = ({ event }: Document): boolean => event.kind !== "pipeline_error";

test("whatever the server does and whenever the shipper dies, each record is there once", async () => {
  await fc.assert(
    fc.asyncProperty(story, async (given) => {
      await live(given);
    }),
    { numRuns: Number(process.env.LOCUM_SHIP_RUNS ?? 60), endOnFailure: true },
  );
}, 120_000);

test("killed at every call, with a rollover before it comes back, each record is there once", async () => {
  for (let at = 0, isOver = false; !isOver; at += 1)
    for (const isDone of [true, false]) {
      const given = { records: 65, script: [], refusedEvery: 5 as const, seed: at + 1 };
      isOver = !(await live({ ...given, kills: [{ at, isDone, cut: 0 as const, rollover: true }] }));
      if (isOver) expect(at).toBeGreaterThan(25);
    }
});

test.for(["EIO", "ENOSPC"] as const)(
  "%s at every call to the disk: it is told, and nothing is lost",
  async (kind) => {
    for (let at = 0, isOver = false; !isOver; at += 1) {
      const server = createScriptedServer({
        refuses: (document) => isOriginal(document) && document.event.sequence % 5 === 0,
      });
      const rig = createShipRig(server);
      rig.fill(45);
      const faulty = faultyLogFs(rig.disk.fs, { at, kind });
      const first = await rig.open({ batch, fs: faulty.fs }).catch((error: unknown) => error);
      if (first instanceof Fault) expect(first.code).toBe(kind === "EIO" ? "storage-failed" : "disk-full");
      else {
        const shipper = first as Shipper;
        await shipper.drain({ timeoutMs: 60_000 });
        addsUp(shipper);
        await shipper.close();
      }
      isOver = faulty.calls() <= at;
      server.rollover();
      const again = await rig.open({ batch });
      expect(await again.drain({ timeoutMs })).toBe(true);
      addsUp(again);
      const ids = server.all().map(([id]) => id);
      expect(new Set(ids).size, `call ${at}`).toBe(ids.length);
      expect(ids.length, `call ${at}`).toBeGreaterThanOrEqual(45);
      if (isOver) expect(at).toBeGreaterThan(10);
      await rig.end(again);
    }
  },
);

type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

/** Whether a kill met the shipper at work. */
async function live({ records, script, kills, refusedEvery, seed }: Story): Promise<boolean> {
  let isKilled = false;
  const server = createScriptedServer({
    script: [...script],
    refuses: (document) =>
      refusedEvery > 0 && isOriginal(document) && document.event.sequence % refusedEvery === 0,
  });
  const rig = createShipRig(server, { seed });
  try {
    rig.fill(records);
    for (const { at, isDone, cut, rollover } of kills) {
      const mortal = createMortal({ at, isDone });
      const life = (async () => {
        const shipper = await rig.open({
          batch,
          fs: mortal.fs(rig.disk.fs),
          server: mortal.server(rig.server.server),
          reader: mortal.server(rig.server.server),
          clock: mortal.clock(rig.clock),
        });
        const look = (): void => addsUp(shipper);
        server.control.seen = look;
        await shipper.drain({ timeoutMs });
      })();
      isKilled = await Promise.race([mortal.dead.then(() => true), life.then(() => false)]);
      mortal.kill();
      server.control.seen = () => {};
      // What was under way arrives, or never does.
      for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
      rig.disk.crash({ cut });
      if (rollover) server.rollover();
      rig.fill(3);
    }
    const shipper = await rig.open({ batch });
    server.control.seen = () => addsUp(shipper);
    // The notes that this makes are shipped as well.
    do {
      expect(await shipper.drain({ timeoutMs }), JSON.stringify(shipper.view())).toBe(true);
      for (let turns = 0; turns < 30; turns += 1) await new Promise(setImmediate);
    } while (shipper.view().pending > 0);
    addsUp(shipper);
    const { acked, rejected, quarantined } = shipper.view();
    const all = server.all();
    const lines = [...rig.lines];
    await shipper.close();

    const ids = all.map(([id]) => id);
    expect(new Set(ids).size, "none twice").toBe(ids.length);
    const aside = new Set(server.quarantined.map(({ event }) => event.sequence));
    const missing = lines.flatMap((_, seq) => (ids.includes(auditDocumentId("log", seq)) ? [] : [seq]));
    expect(
      missing.filter((seq) => !aside.has(seq)),
      "none missing",
    ).toEqual([]);
    const originals = all.filter(([, document]) => isOriginal(document));
    for (const [, { event }] of originals) expect(event.original).toBe(lines[event.sequence]);
    expect({ acked, rejected, quarantined }).toEqual({
      acked: originals.length,
      rejected: all.length - originals.length,
      quarantined: missing.length,
    });
    const whole = new Set(originals.map(([, { event }]) => event.sequence));
    expect(await letterSeqs(rig.disk.fs), "a letter for each that is not there as it is").toEqual(
      lines.flatMap((_, seq) => (whole.has(seq) ? [] : [seq])),
    );
    return isKilled;
  } finally {
    rig.clock.stop();
  }
}

async function letterSeqs(fs: LogFs): Promise<number[]> {
  const letters = await openLetters({ dir: "/ship/log", fs });
  const seqs: number[] = [];
  for await (const { seq } of letters.read(0)) seqs.push(seq);
  await letters.close();
  return seqs.sort((a, b) => a - b);
}
