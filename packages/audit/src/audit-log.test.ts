import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonicalJson } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAuditLog } from "./audit-log.ts";
import { createMemoryLogFs, errno } from "./testing/memory-log-fs.ts";
import { someEvent } from "./testing/some-event.ts";

const dir = "/log";
const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => someEvent({ facts: { index: from + index } }));

test("records are numbered without gaps, chained, and there again after reopening", async () => {
  const { fs } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs });
  expect(log.head()).toEqual({ seq: -1, hash: "0".repeat(64) });
  const written = [...(await log.append(numbered(3))), ...(await log.append(numbered(2, 3)))];
  expect(written.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
  expect(written[1]?.previous).toBe(written[0]?.hash);
  expect(log.head()).toEqual({ seq: 4, hash: written[4]?.hash });
  await log.close();
  await expect(log.append(numbered(1))).rejects.toMatchObject({ code: "conflict" });
  const again = await openAuditLog({ dir, fs });
  expect(await again.query()).toEqual(written);
  expect((await again.append(numbered(1, 5)))[0]?.previous).toBe(written[4]?.hash);
  expect(await again.verify()).toEqual({ ok: true });
});

test("appends that come together share one flush", async () => {
  const { fs, control } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs });
  const before = control.syncs;
  const records = await Promise.all(numbered(200).map((event) => log.append([event])));
  expect(control.syncs - before).toBeLessThanOrEqual(2);
  expect(records.flat().map(({ seq, event }) => [seq, event.facts.index])).toEqual(
    Array.from({ length: 200 }, (_, index) => [index, index]),
  );
});

test("segments rotate by size, and questions cross them in both orders", async () => {
  const { fs, files } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs, segmentBytes: 2000 });
  for (const event of numbered(50)) await log.append([event]);
  expect(files.size).toBeGreaterThan(5);
  expect([...files.keys()].sort()[0]).toBe(join(dir, "00000000000000000000.jsonl"));
  const seqs = async (filter: Parameters<typeof log.query>[0]) =>
    (await log.query(filter)).map(({ seq }) => seq);
  const all = Array.from({ length: 50 }, (_, seq) => seq);
  expect(await seqs({})).toEqual(all);
  expect(await seqs({ order: "desc" })).toEqual(all.toReversed());
  expect(await seqs({ afterSeq: 17, limit: 3 })).toEqual([18, 19, 20]);
  expect(await seqs({ afterSeq: 40, order: "desc" })).toEqual([49, 48, 47, 46, 45, 44, 43, 42, 41]);
  expect(await seqs({ order: "desc", limit: 2 })).toEqual([49, 48]);
  expect(await log.verify()).toEqual({ ok: true });
  const again = await openAuditLog({ dir, fs, segmentBytes: 2000 });
  expect(again.head()).toEqual(log.head());
});

test("questions select by kind, service, instance and incident", async () => {
  const { fs } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs });
  await log.append([
    someEvent(),
    someEvent({ kind: "incident.open", incident: "i1" }),
    someEvent({ service: "other" }),
    someEvent({ instance: null }),
  ]);
  const seqs = async (filter: Parameters<typeof log.query>[0]) =>
    (await log.query(filter)).map(({ seq }) => seq);
  expect(await seqs({ kinds: ["incident.open"] })).toEqual([1]);
  expect(await seqs({ incident: "i1" })).toEqual([1]);
  expect(await seqs({ service: "other" })).toEqual([2]);
  expect(await seqs({ instance: "a", service: "digits" })).toEqual([0, 1]);
});

describe("a disk that fails", () => {
  test.each([
    ["ENOSPC", "append", "disk-full"],
    ["EDQUOT", "append", "disk-full"],
    ["EIO", "sync", "storage-failed"],
    ["ENOSPC", "create", "disk-full"],
  ])("%s at %s: none of it counts, and the log goes on when there is room", async (code, call, fault) => {
    const { fs, control, crash } = createMemoryLogFs();
    const log = await openAuditLog({ dir, fs, segmentBytes: 1000 });
    await log.append(numbered(3));
    control.torn = 100;
    control.fail = (at) => (at === call ? errno(code) : undefined);
    await expect(log.append(numbered(5, 100))).rejects.toMatchObject({ code: fault });
    await expect(log.append(numbered(1, 200))).rejects.toMatchObject({ code: fault });
    expect(log.head().seq).toBe(2);
    expect(await log.query()).toHaveLength(3);
    control.fail = () => undefined;
    expect((await log.append(numbered(1, 3)))[0]?.seq).toBe(3);
    crash();
    const again = await openAuditLog({ dir, fs, segmentBytes: 1000 });
    expect((await again.query()).map(({ event }) => event.facts.index)).toEqual([0, 1, 2, 3]);
  });

  test("a disk that does not even take back what it half wrote is asked again before the next write", async () => {
    const { fs, control } = createMemoryLogFs();
    const log = await openAuditLog({ dir, fs });
    await log.append(numbered(1));
    control.torn = 50;
    control.fail = (call) => (call === "create" ? undefined : errno("EIO"));
    await expect(log.append(numbered(1))).rejects.toMatchObject({ code: "storage-failed" });
    await expect(log.append(numbered(1))).rejects.toMatchObject({ code: "storage-failed" });
    control.fail = () => undefined;
    await log.append(numbered(1, 1));
    expect((await log.query()).map(({ event }) => event.facts.index)).toEqual([0, 1]);
    expect(await log.verify()).toEqual({ ok: true });
  });
});

test("a second writer of the same log is found before it can do harm", async () => {
  const { fs } = createMemoryLogFs();
  const one = await openAuditLog({ dir, fs });
  const two = await openAuditLog({ dir, fs });
  await one.append(numbered(1));
  await expect(two.append(numbered(1))).rejects.toMatchObject({ code: "conflict" });
  expect(await one.verify()).toEqual({ ok: true });
});

test("an overlong or unsayable event is fitted rather than lost; one of no kind is refused alone", async () => {
  const { fs } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs });
  const odd = someEvent({
    reason: "\ud800".padEnd(5000, "x"),
    facts: { n: Number.NaN, ["k".repeat(100)]: "v".repeat(2000) },
  });
  const [record] = await log.append([odd]);
  expect(record?.event.reason).toHaveLength(1000);
  expect(record?.event.facts.n).toBe("NaN");
  // @ts-expect-error a kind that nobody knows
  await expect(log.append([someEvent({ kind: "x" })])).rejects.toMatchObject({ code: "request-invalid" });
  await log.append(numbered(1));
  expect(await log.verify()).toEqual({ ok: true });
});

async function written(count: number, segmentBytes = 1_000_000) {
  const { fs, files } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs, segmentBytes });
  await log.append(numbered(count));
  return { fs, files, records: await log.query() };
}

test("cut at any byte, the log opens with every whole record before the cut, and takes new ones", async () => {
  const { files, records } = await written(3);
  const [[path, whole] = ["", undefined]] = [...files];
  const lines = records.map((record) => `${canonicalJson(record)}\n`);
  expect(whole?.bytes.toString()).toBe(lines.join(""));
  for (let cut = 0; cut <= (whole?.bytes.length ?? 0); cut += 1) {
    const { fs, files: fresh } = createMemoryLogFs();
    fresh.set(path, { bytes: Buffer.from(whole?.bytes.subarray(0, cut) ?? []), durable: cut });
    const log = await openAuditLog({ dir, fs });
    let expected = 0;
    // A line without its newline alone is whole.
    for (
      let length = 0;
      length + (lines[expected]?.length ?? Number.POSITIVE_INFINITY) - 1 <= cut;
      expected += 1
    )
      length += lines[expected]?.length ?? 0;
    expect(await log.query()).toEqual(records.slice(0, expected));
    await log.append(numbered(1));
    expect(await log.verify()).toEqual({ ok: true });
  }
});

test("any one flipped bit is found: on opening in the last segment, by verify in every other", async () => {
  const { files } = await written(2);
  const [[path, whole] = ["", undefined]] = [...files];
  const length = whole?.bytes.length ?? 0;
  for (let at = 0; at < length; at += 1) {
    const { fs, files: fresh } = createMemoryLogFs();
    const bytes = Buffer.from(whole?.bytes ?? []);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    fresh.set(path, { bytes, durable: length });
    await expect(openAuditLog({ dir, fs })).rejects.toMatchObject({ code: "evidence-invalid" });
  }
});

test("a flip in an older segment is found by verify and by whoever reads it, and named", async () => {
  const { fs, files } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs, segmentBytes: 1000 });
  for (const event of numbered(20)) await log.append([event]);
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(7), async (where, bit) => {
      const file = files.get([...files.keys()].sort()[1] ?? "");
      if (!file) throw new Error("there is a second segment");
      const at = where % file.bytes.length;
      const flip = (): void => {
        file.bytes[at] = (file.bytes[at] ?? 0) ^ (1 << bit);
      };
      flip();
      const verdict = await log.verify();
      flip();
      expect(verdict).toMatchObject({ ok: false });
      expect("badSeq" in verdict && verdict.badSeq).toBeGreaterThanOrEqual(2);
      expect(await log.verify()).toEqual({ ok: true });
    }),
    { numRuns: 50 },
  );
});

test("a segment that is gone is reported, not skipped", async () => {
  const { fs, files } = createMemoryLogFs();
  const log = await openAuditLog({ dir, fs, segmentBytes: 1000 });
  for (const event of numbered(20)) await log.append([event]);
  files.delete([...files.keys()].sort()[1] ?? "");
  await expect(openAuditLog({ dir, fs })).rejects.toMatchObject({ code: "evidence-invalid" });
});

test("killed with SIGKILL, every confirmed record is there, once, in a chain that verifies", async () => {
  const folder = await mkdtemp(join(tmpdir(), "locum-audit-"));
  const confirmed = new Map<number, number>();
  let next = 0;
  for (let round = 0; round < 3; round += 1) {
    const script = new URL("testing/append-forever.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [script, "log", folder, String(next)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    for await (const chunk of child.stdout) {
      text += chunk;
      if (text.length > 4000) break;
    }
    child.kill("SIGKILL");
    if (child.signalCode === null && child.exitCode === null) await once(child, "exit");
    for (const line of text.split("\n").slice(0, -1)) {
      const [seq = "", mine = ""] = line.split(" ");
      confirmed.set(Number(seq), Number(mine));
    }
    next = Math.max(...confirmed.values()) + 1000;
  }
  const log = await openAuditLog({ dir: folder, segmentBytes: 65_536 });
  expect(await log.verify()).toEqual({ ok: true });
  const records = await log.query({ limit: 10_000 });
  const mine = records.map(({ event }) => event.facts.mine);
  expect(new Set(mine).size).toBe(mine.length);
  expect(confirmed.size).toBeGreaterThan(100);
  for (const [seq, value] of confirmed) expect(records[seq]?.event.facts.mine).toBe(value);
  await log.close();
  await rm(folder, { recursive: true });
});

test("whatever record one begins with, the lines from it on are the same, in a log that grew and one opened again", async () => {
  const { fs } = createMemoryLogFs();
  const log = await openAuditLog({ dir: "/log", fs, segmentBytes: 400_000 });
  for (let n = 0; n < 60; n++)
    await log.append(Array.from({ length: 40 }, (_, k) => someEvent({ reason: `record ${40 * n + k}` })));
  const again = await openAuditLog({ dir: "/log", fs, segmentBytes: 400_000 });
  const all = await collect(again.lines(0));
  expect(all).toHaveLength(2400);
  for (const first of [0, 1, 39, 40, 399, 1200, 1999, 2359, 2399, 2400])
    for (const one of [log, again]) {
      expect(await collect(one.lines(first))).toEqual(all.slice(first));
      const [next] = await one.query({ afterSeq: first - 1, limit: 1 });
      expect(next?.seq).toBe(first < 2400 ? first : undefined);
    }
});

async function collect<T>(source: AsyncIterable<T>) {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}
