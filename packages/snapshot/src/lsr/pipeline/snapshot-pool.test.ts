import { afterEach, expect, test } from "vitest";
import { createSnapshotPool, type SnapshotPool } from "./snapshot-pool.ts";

const pools: SnapshotPool[] = [];
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.close())));

function poolOf(options: Parameters<typeof createSnapshotPool>[0]): SnapshotPool {
  const pool = createSnapshotPool(options);
  pools.push(pool);
  return pool;
}
const program = (text: string) => ({ program: text, options: { eval: true } });
const identify = { bytes: new Uint8Array(10), idKey: new Uint8Array(32) };

test("a thread that ends with an error is a fault for everybody who waits, and the next job has new threads", async () => {
  const dies = `
    const { parentPort } = require("node:worker_threads");
    parentPort.on("message", ({ id, job }) => {
      if (job.bytes.length === 13) throw new Error("thirteen");
      parentPort.postMessage({ id, result: job.bytes });
    });`;
  const pool = poolOf({ threads: 2, program: program(dies) });
  const run = (length: number) => pool.run("identify", { ...identify, bytes: new Uint8Array(length) });
  expect(await run(3)).toHaveLength(3);
  const outcomes = await Promise.allSettled([13, 13, 13, 13, 13].map(run));
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({
      status: "rejected",
      reason: { code: "internal", message: expect.stringMatching(/thirteen/) },
    });
  expect(await run(4)).toHaveLength(4);
});

test("a thread that leaves without a word is a fault too", async () => {
  const pool = poolOf({
    threads: 1,
    program: program(`require("node:worker_threads").parentPort.on("message", () => process.exit(7));`),
  });
  await expect(pool.run("identify", identify)).rejects.toMatchObject({
    code: "internal",
    message: expect.stringMatching(/7/),
  });
});

test("a program that does not start is a fault", async () => {
  const pool = poolOf({ threads: 2, program: { program: new URL("file:///none.ts"), options: {} } });
  await expect(pool.run("identify", identify)).rejects.toMatchObject({ code: "internal" });
});

test("who waits when it closes is told, and a closed one takes nothing", async () => {
  const pool = poolOf({ threads: 1, program: program(`setInterval(() => {}, 1000)`) });
  const waiting = pool.run("identify", identify);
  const refused = expect(waiting).rejects.toMatchObject({ code: "conflict" });
  await pool.close();
  await refused;
  await expect(pool.run("identify", identify)).rejects.toMatchObject({ code: "conflict" });
});

test("more than may wait are refused", async () => {
  const pool = poolOf({ threads: 1, program: program(`setInterval(() => {}, 1000)`) });
  const asked = Array.from({ length: 4097 }, () => pool.run("identify", identify));
  const outcomes = Promise.allSettled(asked);
  await expect(asked.at(-1)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/4096/),
  });
  await pool.close();
  expect((await outcomes).every(({ status }) => status === "rejected")).toBe(true);
});

test("a file goes on where it began, or not at all", async () => {
  const pool = poolOf({ threads: 2 });
  const bytes = new TextEncoder().encode("abc");
  const job = { bytes, cut: [3], digest: "sha256" as const, idKey: new Uint8Array(32) };
  const { file, thread } = pool.begin();
  await pool.run("take", { ...job, file, isFirst: true, isLast: false }, thread);
  // SHA-256 of "abcabc".
  const digest = "bbb59da3af939f7af5f360f2ceb80a496e3bae1cd87dde426db0ae40677e1c2c";
  expect(await pool.run("take", { ...job, file, isFirst: false, isLast: true }, thread)).toMatchObject({
    digest,
  });
  const again = pool.run("take", { ...job, file, isFirst: false, isLast: true }, thread);
  await expect(again).rejects.toMatchObject({ code: "internal" });
});
