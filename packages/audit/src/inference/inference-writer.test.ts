import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonicalJson } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LogFs, nodeLogFs } from "../log-fs.ts";
import { Crash, type FaultKind, faultyLogFs } from "../testing/faulty-log-fs.ts";
import { createMemoryLogFs, errno } from "../testing/memory-log-fs.ts";
import { someInference } from "../testing/some-inference.ts";
import { folderSink } from "./folder-sink.ts";
import {
  type InferenceBatch,
  inferenceLine,
  isInBatch,
  proveLine,
  readBatch,
  readInferenceLine,
} from "./inference-batch.ts";
import { type InferenceSink, openInferenceWriter } from "./inference-writer.ts";

type Rig = {
  fs: LogFs;
  dir?: string;
  sink?: InferenceSink;
  batchRecords?: number;
  waitingMax?: number;
  stagedBytesMax?: number;
};
function rig({ fs, dir = "/state", sink = folderSink({ dir: "/sink", fs }), ...limits }: Rig) {
  const batches: InferenceBatch[] = [];
  const faults: unknown[] = [];
  const time = { nowMs: 0 };
  let refused = 0;
  const writer = openInferenceWriter({
    dir,
    fs,
    sink,
    onBatch: async (batch) => {
      batches.push(batch);
      return true;
    },
    onRefused: (count) => {
      refused += count;
    },
    onFault: (_what, error) => faults.push(error),
    monotonicMs: () => time.nowMs,
    ...limits,
  });
  return { writer, batches, faults, time, refused: () => refused };
}
const sinkFiles = (files: Map<string, { bytes: Buffer }>) =>
  [...files]
    .filter(([path]) => path.startsWith("/sink/"))
    .map(([path, { bytes }]) => [path, `${bytes}`] as const);

test("records go out in batches by number and by time, and each proves that it is in its batch", async () => {
  const { fs, files } = createMemoryLogFs();
  const { writer, batches, time } = rig({ fs, batchRecords: 4 });
  for (let index = 0; index < 6; index += 1) writer.add(someInference(index));
  await writer.tick();
  expect(batches.map(({ count }) => count)).toEqual([4]);
  time.nowMs = 60_000;
  await writer.tick();
  expect(batches.map(({ count }) => count)).toEqual([4, 2]);
  expect([...files.keys()].filter((path) => path.startsWith("/state"))).toEqual([]);

  const [first] = batches;
  const text = files.get(`/sink/${first?.name}`)?.bytes.toString() ?? "";
  const read = await readBatch(text);
  expect(read.batch).toEqual(first);
  expect(first).toMatchObject({ firstAt: someInference(0).at, lastAt: someInference(3).at });
  expect(first?.name).toMatch(/^s\/a\/2026-01-02\/030405000Z-[0-9a-f]{16}\.ndjson$/);
  for (const [index, line] of read.lines.entries()) {
    expect(line).toBe(inferenceLine(someInference(index)));
    const path = await proveLine(read.lines, index);
    const claim = { line, index, path, root: first?.root ?? "", count: 4 };
    expect(isInBatch(claim)).toBe(true);
    expect(isInBatch({ ...claim, line: line.replace("digits", "others") })).toBe(false);
    expect(isInBatch({ ...claim, index: (index + 1) % 4 })).toBe(false);
  }
});

test("a line is the canonical JSON of its record, whatever a request called its model", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 }).map((one) => one.toWellFormed());
  fc.assert(
    fc.property(
      fc.record({ model: fc.option(text), latencyMs: fc.double({ min: 0, max: 1e9, noNaN: true }) }),
      (part) => {
        const one = { ...someInference(1), ...part };
        expect(inferenceLine(one)).toBe(canonicalJson(one));
        expect(readInferenceLine(inferenceLine(one))).toEqual(one);
      },
    ),
  );
});

test("a sink that takes nothing loses nothing: the limit is a limit, and what is beyond it is counted", async () => {
  const { fs, files } = createMemoryLogFs();
  let isFull = true;
  const folder = folderSink({ dir: "/sink", fs });
  const sink: InferenceSink = {
    put: async (name, text) => {
      if (isFull) throw errno("ENOSPC");
      await folder.put(name, text);
    },
  };
  const { writer, batches, faults, refused } = rig({ fs, sink, batchRecords: 2, stagedBytesMax: 2000 });
  for (let index = 0; index < 20; index += 1) {
    writer.add(someInference(index));
    await writer.tick();
  }
  expect(faults.length).toBeGreaterThan(0);
  expect(refused()).toBeGreaterThan(0);
  expect(writer.stats().stagedBytes).toBeLessThan(3000);
  isFull = false;
  await writer.close();
  const kept = batches.reduce((sum, { count }) => sum + count, 0);
  expect(kept + refused()).toBe(20);
  expect(sinkFiles(files)).toHaveLength(batches.length);
});

test("memory has a limit too, and a full disk is not the end", async () => {
  const { fs, control } = createMemoryLogFs();
  control.fail = () => errno("ENOSPC");
  const { writer, batches, refused } = rig({ fs, waitingMax: 5 });
  for (let index = 0; index < 8; index += 1) writer.add(someInference(index));
  await writer.tick();
  expect([writer.stats().waiting, refused()]).toEqual([5, 3]);
  control.fail = () => undefined;
  await writer.close();
  expect(batches).toMatchObject([{ count: 5 }]);
});

test("records whose flush failed are in one batch only, whenever that one is closed", async () => {
  const { fs, control, files } = createMemoryLogFs();
  const { writer, time, batches } = rig({ fs });
  writer.add(someInference(0));
  await writer.tick();
  control.fail = (call) => (call === "sync" ? errno("EIO") : undefined);
  writer.add(someInference(1));
  await writer.tick();
  time.nowMs = 60_000;
  await writer.tick();
  control.fail = () => undefined;
  await writer.close();
  expect(batches.map(({ count }) => count)).toEqual([1, 1]);
  expect(
    sinkFiles(files)
      .join("")
      .match(/request-\d/g),
  ).toEqual(["request-0", "request-1"]);
});

test("a sink that hangs holds no flush up, and memory does not fill for it", async () => {
  const { fs } = createMemoryLogFs();
  const hanging = Promise.withResolvers<void>();
  const { writer, batches } = rig({ fs, sink: { put: () => hanging.promise }, batchRecords: 1 });
  writer.add(someInference(0));
  const first = writer.tick();
  for (let index = 1; index < 4; index += 1) {
    writer.add(someInference(index));
    void writer.tick();
    await expect.poll(() => writer.stats().waiting).toBe(0);
  }
  expect(batches).toEqual([]);
  hanging.resolve();
  await first;
  await writer.close();
  expect(batches).toHaveLength(4);
});

test("a root that could not be spooled is told again, and the batch stays until then", async () => {
  const { fs, files } = createMemoryLogFs();
  const told: string[] = [];
  const faults: unknown[] = [];
  let nowMs = 0;
  const writer = openInferenceWriter({
    dir: "/state",
    fs,
    sink: folderSink({ dir: "/sink", fs }),
    onBatch: async ({ root }) => told.push(root) > 1,
    onRefused: () => {},
    onFault: (_what, error) => faults.push(error),
    monotonicMs: () => nowMs,
    batchRecords: 1,
  });
  writer.add(someInference(0));
  await writer.tick();
  expect([...files.keys()].some((path) => path.startsWith("/state"))).toBe(true);
  // Not at once: what is refused now is refused in a moment too.
  await writer.tick();
  expect(told).toHaveLength(1);
  nowMs = 1000;
  await writer.tick();
  expect(told).toEqual([told[0], told[0]]);
  expect(faults).toHaveLength(1);
  expect([...files.keys()].some((path) => path.startsWith("/state"))).toBe(false);
});

const kinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];
describe.for(kinds)("%s at every call of the disk", (kind) => {
  test("what was flushed is in exactly one batch, whole, and every batch has its root", async () => {
    let strikes = 0;
    for (let at = 0, isOver = false; !isOver; at += 1)
      for (const cut of [0, 150, 100_000]) {
        const when = `${kind} at call ${at}, ${cut} bytes left`;
        const disk = createMemoryLogFs();
        const faulty = faultyLogFs(disk.fs, { at, kind });
        const first = rig({ fs: faulty.fs, batchRecords: 3 });
        const flushed: number[] = [];
        let died = false;
        for (let index = 0; index < 8 && !died; index += 1) {
          first.writer.add(someInference(index));
          await first.writer.tick();
          died = first.faults.some((error) => error instanceof Crash);
          if (!died && first.writer.stats().waiting === 0) flushed.push(index);
        }
        isOver = faulty.calls() <= at;
        strikes += isOver ? 0 : 1;
        disk.crash({ cut });
        const second = rig({ fs: disk.fs, batchRecords: 3 });
        await second.writer.tick();
        await second.writer.close();
        const texts = sinkFiles(disk.files);
        const ids = texts
          .flatMap(([, text]) => text.split("\n").slice(0, -1))
          .map((line) => JSON.parse(line).id);
        expect(new Set(ids).size, when).toBe(ids.length);
        expect(ids, when).toEqual(expect.arrayContaining(flushed.map((index) => `request-${index}`)));
        const names = new Set([...first.batches, ...second.batches].map(({ name }) => `/sink/${name}`));
        for (const [path, text] of texts) {
          expect(names.has(path), when).toBe(true);
          expect((await readBatch(text)).batch?.name, when).toBe(path.slice("/sink/".length));
        }
        expect(
          [...disk.files.keys()].filter((path) => path.startsWith("/state")),
          when,
        ).toEqual([]);
      }
    expect(strikes).toBeGreaterThan(10);
  });
});

test("killed at any moment, again and again, a process leaves what it confirmed in exactly one batch", async () => {
  const folder = await mkdtemp(join(tmpdir(), "locum-records-"));
  const confirmed = new Set<string>();
  const roots = new Set<string>();
  const script = new URL("../testing/record-forever.ts", import.meta.url).pathname;
  for (let life = 0; life < 4; life += 1) {
    const child = spawn(process.execPath, [script, folder, String(life * 100_000)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    for await (const chunk of child.stdout) {
      text += chunk;
      if (text.length > 4000 + 2500 * life) break;
    }
    child.kill("SIGKILL");
    if (child.signalCode === null && child.exitCode === null) await once(child, "exit");
    for (const line of text.split("\n").slice(0, -1)) {
      const [what, value = ""] = line.split(" ");
      (what === "root" ? roots : confirmed).add(value);
    }
  }
  const last = rig({
    fs: nodeLogFs,
    dir: join(folder, "state"),
    sink: folderSink({ dir: join(folder, "sink") }),
  });
  await last.writer.close();
  for (const { root } of last.batches) roots.add(root);
  expect(last.faults).toEqual([]);
  const seen: string[] = [];
  for (const name of await readdir(join(folder, "sink"), { recursive: true })) {
    if (!name.endsWith(".ndjson")) continue;
    const { batch, records } = await readBatch(await readFile(join(folder, "sink", name), "utf8"));
    expect(batch?.name).toBe(name);
    seen.push(...records.map(({ id }) => id));
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(confirmed.size).toBeGreaterThan(100);
  for (const id of confirmed) expect(seen).toContain(id);
  await rm(folder, { recursive: true });
});
