import { generateKeyPairSync } from "node:crypto";
import { canonicalJson } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { type AuditLog, openAuditLog } from "./audit-log.ts";
import type { LogFs } from "./log-fs.ts";
import { leafHash } from "./merkle/merkle-hash.ts";
import { createTileTree } from "./merkle/tile-tree.ts";
import { openCheckpoint } from "./note/checkpoint.ts";
import { noteKeyOf } from "./note/note-key.ts";
import { Crash, type FaultKind, faultyLogFs } from "./testing/faulty-log-fs.ts";
import { createMemoryLogFs } from "./testing/memory-log-fs.ts";
import { someEvent } from "./testing/some-event.ts";

const dir = "/log";
const signer = { name: "locum/test", privateKey: generateKeyPairSync("ed25519").privateKey };
const kinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];
/** Of what was not synced, how much a crash leaves: nothing, a piece of a line, several lines, all. */
const cutsOf: Record<FaultKind, number[]> = {
  "crash-before": [0, 100, 100_000],
  "crash-after": [0, 100],
  torn: [0, 250, 100_000],
  ENOSPC: [100_000],
  EIO: [0, 100_000],
};

const open = (fs: LogFs): Promise<AuditLog> => openAuditLog({ dir, fs, signer, segmentBytes: 4000 });
const events = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => someEvent({ facts: { index: first + index } }));

/** What a caller was told is on disk. */
type Told = { records: number; checkpoint: number };

/** Crosses segments, and the first full tile; checkpoints come between. Faults of the disk are met and lived through. */
async function work(fs: LogFs, told: Told): Promise<void> {
  const log = await open(fs);
  for (const [count, sign] of [
    [3, true],
    [10, false],
    [245, true],
    [2, true],
    [4, false],
  ] as const) {
    try {
      const records = await log.append(events(told.records, count));
      told.records = (records.at(-1)?.seq ?? -1) + 1;
      if (sign) told.checkpoint = openCheckpoint((await log.tree?.checkpoint()) ?? "", key).size;
    } catch (error) {
      onlyFault(error);
    }
  }
  await log.close();
}
const key = noteKeyOf(signer, "log");

describe.for(kinds)("%s at every call", (kind) => {
  test("no confirmed record and no signed head is lost, nothing is half there, and the log goes on", async () => {
    let strikes = 0;
    for (let at = 0, isOver = false; !isOver; at += 1)
      for (const cut of cutsOf[kind]) {
        const when = `${kind} at call ${at}, ${cut} bytes left`;
        const disk = createMemoryLogFs();
        const told: Told = { records: 0, checkpoint: 0 };
        const faulty = faultyLogFs(disk.fs, { at, kind });
        await work(faulty.fs, told).catch(kind.startsWith("E") ? onlyFault : onlyCrash);
        isOver = faulty.calls() <= at;
        strikes += isOver ? 0 : 1;
        disk.crash({ cut });
        await look(disk.fs, told, when);
      }
    expect(strikes).toBeGreaterThan(30);
  });
});

async function look(fs: LogFs, told: Told, when: string): Promise<void> {
  const log = await open(fs);
  const records = await log.query({ limit: 10_000 });
  expect(records.length, when).toBeGreaterThanOrEqual(told.records);
  expect(
    records.slice(0, told.records).map(({ event }) => event.facts.index),
    when,
  ).toEqual(Array.from({ length: told.records }, (_, index) => index));
  expect(await log.verify(), when).toEqual({ ok: true });
  const note = log.tree?.note();
  const signed = note === undefined ? 0 : openCheckpoint(note, key).size;
  expect(signed, when).toBeGreaterThanOrEqual(told.checkpoint);

  await log.append(events(records.length, 1));
  const now = openCheckpoint((await log.tree?.checkpoint()) ?? "", key);
  const plain = createTileTree({ read: async () => undefined });
  for (const record of await log.query({ limit: 10_000 })) plain.push(leafHash(canonicalJson(record)));
  expect(now, when).toEqual({ origin: signer.name, size: records.length + 1, root: plain.root() });
  // Proofs are checked before they are given: tiles that the crash took are made again.
  expect(await log.tree?.consistency(signed), when).toEqual(await plain.consistency(signed));
  expect(await log.tree?.inclusion(records.length >> 1), when).toEqual(
    await plain.inclusion(records.length >> 1),
  );
}

function onlyCrash(error: unknown): void {
  if (!(error instanceof Crash)) throw error;
}

function onlyFault(error: unknown): void {
  if (error instanceof Crash) throw error;
  expect((error as { code?: string }).code).toMatch(/^(disk-full|storage-failed)$/);
}
