import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSpool } from "./spool.ts";
import { createMemoryLogFs, errno } from "./testing/memory-log-fs.ts";
import { someEvent } from "./testing/some-event.ts";

const dir = "/spool";
const event = (mine: number, pad = 0) => someEvent({ facts: { mine, pad: "x".repeat(pad) } });
const mineOf = (list: { event: { facts: Record<string, unknown> } }[]) =>
  list.map((one) => one.event.facts.mine);

test("events wait in order until they are acknowledged, across restarts, and numbers go on", async () => {
  const { fs, crash } = createMemoryLogFs();
  const spool = await openSpool({ dir, fs });
  expect(await Promise.all([0, 1, 2, 3].map((mine) => spool.put(event(mine))))).toEqual([0, 1, 2, 3]);
  expect(mineOf(await spool.pending(2))).toEqual([0, 1]);
  await spool.acknowledge(1);
  expect(mineOf(await spool.pending(10))).toEqual([2, 3]);
  crash();
  const again = await openSpool({ dir, fs });
  expect((await again.pending(10)).map(({ seq }) => seq)).toEqual([2, 3]);
  expect(await again.put(event(4))).toBe(4);
  await again.acknowledge(4);
  crash();
  const third = await openSpool({ dir, fs });
  expect(await third.pending(10)).toEqual([]);
  expect(await third.put(event(5))).toBe(5);
  expect(third.stats()).toMatchObject({ waiting: 1, refused: 0, damaged: 0 });
});

test("a full spool refuses the new, keeps the old, counts, and takes more after an acknowledgement", async () => {
  const { fs } = createMemoryLogFs();
  const spool = await openSpool({ dir, fs, bytesMax: 40_000 });
  let taken = 0;
  const fill = async (): Promise<unknown> => {
    for (;;) {
      try {
        await spool.put(event(taken, 900));
        taken += 1;
      } catch (error) {
        return error;
      }
    }
  };
  expect(await fill()).toMatchObject({ code: "disk-full" });
  expect(spool.stats()).toMatchObject({ waiting: taken, refused: 1 });
  expect(spool.stats().bytes).toBeLessThanOrEqual(40_000);
  expect(mineOf(await spool.pending(1000))).toEqual(Array.from({ length: taken }, (_, index) => index));
  await spool.acknowledge(taken - 1);
  const before = taken;
  expect(await fill()).toMatchObject({ code: "disk-full" });
  expect(taken - before).toBeGreaterThan(20);
});

test("a full disk refuses and goes on when there is room", async () => {
  const { fs, control } = createMemoryLogFs();
  const spool = await openSpool({ dir, fs });
  await spool.put(event(0));
  control.torn = 60;
  control.fail = (call) => (call === "append" || call === "replace" ? errno("ENOSPC") : undefined);
  await expect(spool.put(event(1))).rejects.toMatchObject({ code: "disk-full" });
  await expect(spool.acknowledge(0)).rejects.toMatchObject({ code: "disk-full" });
  control.fail = () => undefined;
  expect(await spool.put(event(2))).toBe(1);
  expect(mineOf(await spool.pending(10))).toEqual([2]);
});

test("cut at any byte, every whole event is there and no number is given twice", async () => {
  const { fs, files } = createMemoryLogFs();
  const spool = await openSpool({ dir, fs });
  for (const mine of [0, 1, 2]) await spool.put(event(mine));
  const [[path, whole] = ["", undefined]] = [...files];
  const text = whole?.bytes.toString() ?? "";
  for (let cut = 0; cut <= text.length; cut += 1) {
    const { fs: torn, files: fresh } = createMemoryLogFs();
    fresh.set(path, { bytes: Buffer.from(text.slice(0, cut)), durable: cut });
    const opened = await openSpool({ dir, fs: torn });
    const whole = text.slice(0, cut + 1).split("\n").length - 1;
    expect(mineOf(await opened.pending(10))).toEqual([0, 1, 2].slice(0, whole));
    expect(await opened.put(event(9))).toBe(whole);
  }
});

test("a flipped bit costs at most the lines that it touches, is counted, and stops nothing", async () => {
  const { fs, files } = createMemoryLogFs();
  const spool = await openSpool({ dir, fs });
  for (const mine of [0, 1, 2, 3]) await spool.put(event(mine));
  const [[path, whole] = ["", undefined]] = [...files];
  const length = whole?.bytes.length ?? 0;
  for (let at = 0; at < length; at += 1) {
    const { fs: hurt, files: fresh } = createMemoryLogFs();
    const bytes = Buffer.from(whole?.bytes ?? []);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    fresh.set(path, { bytes, durable: length });
    const opened = await openSpool({ dir, fs: hurt });
    const kept = mineOf(await opened.pending(10));
    expect(kept.length).toBeGreaterThanOrEqual(2);
    expect(kept).toEqual([0, 1, 2, 3].filter((mine) => kept.includes(mine)));
    if (kept.length < 4) expect(opened.stats().damaged).toBeGreaterThan(0);
    expect(await opened.put(event(9))).toBeGreaterThanOrEqual(4);
  }
});

test("a damaged acknowledgement means sending again, never losing", async () => {
  const { fs, files } = createMemoryLogFs();
  const spool = await openSpool({ dir, fs });
  for (const mine of [0, 1, 2]) await spool.put(event(mine));
  await spool.acknowledge(0);
  const path = join(dir, "acknowledged");
  const good = files.get(path)?.bytes ?? Buffer.alloc(0);
  for (const text of ["", "9999", good.toString().replace("0\n", "2\n"), "x".repeat(100)]) {
    files.set(path, { bytes: Buffer.from(text), durable: text.length });
    const opened = await openSpool({ dir, fs });
    expect(mineOf(await opened.pending(10))).toEqual([0, 1, 2]);
  }
});

test("an acknowledgement of what was never given does not swallow what comes", async () => {
  const { fs } = createMemoryLogFs();
  const spool = await openSpool({ dir, fs });
  await spool.put(event(0));
  await spool.acknowledge(1_000_000);
  await spool.put(event(1));
  expect(mineOf(await spool.pending(10))).toEqual([1]);
});

test("killed with SIGKILL, every confirmed event is there under its number", async () => {
  const folder = await mkdtemp(join(tmpdir(), "locum-spool-"));
  const script = new URL("testing/append-forever.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, "spool", folder], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.length > 4000) break;
  }
  child.kill("SIGKILL");
  if (child.signalCode === null && child.exitCode === null) await once(child, "exit");
  const spool = await openSpool({ dir: folder });
  const there = new Map((await spool.pending(10_000)).map(({ seq, event: kept }) => [seq, kept.facts.mine]));
  const confirmed = text.split("\n").slice(0, -1);
  expect(confirmed.length).toBeGreaterThan(100);
  for (const line of confirmed) {
    const [seq = "", mine = ""] = line.split(" ");
    expect(there.get(Number(seq))).toBe(Number(mine));
  }
  await spool.close();
  await rm(folder, { recursive: true });
});
