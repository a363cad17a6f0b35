import { afterEach, beforeEach, expect, test } from "vitest";
import { newTestRepository, type TestRepository } from "./repository.fixture.ts";
import { createRepositoryThread, type ThreadPlace } from "./repository-thread.ts";

let kept: TestRepository;
beforeEach(async () => {
  kept = await newTestRepository();
});
afterEach(() => kept.close());
const place = (patch: Partial<ThreadPlace> = {}): ThreadPlace => {
  const { place, privateKeyFile } = kept.config();
  return { place, privateKeyFile, ...patch };
};
const program = (text: string) => ({ program: text, options: { eval: true } });

test("a job's answer and a job's fault come back as they are", async () => {
  const { jobs, close } = createRepositoryThread(place());
  expect(await jobs.look()).toMatchObject({ snapshots: [], refs: [] });
  const id = await kept.commit();
  expect((await jobs.look()).snapshots).toMatchObject([{ id, model: "s", torn: false }]);
  await expect(jobs.show({ service: "t", id, against: null })).rejects.toMatchObject({
    code: "snapshot-missing",
    retry: "never",
  });
  await close();
});

test("a key file that comes later is read then", async () => {
  const { jobs, close } = createRepositoryThread(place({ privateKeyFile: "/nonexistent/key" }));
  await expect(jobs.look()).rejects.toMatchObject({ code: "config-unreadable" });
  await expect(jobs.look()).rejects.toMatchObject({ code: "config-unreadable" });
  await close();
});

test("recipients that cannot be read are told, and not taken for none", async () => {
  const { jobs, close } = createRepositoryThread(place({ recipientsFile: "/nonexistent/recipients.pem" }));
  await expect(jobs.look()).rejects.toMatchObject({ code: "config-unreadable" });
  await close();
});

test.each([
  ["ends", "process.exit(3)"],
  ["throws", "throw new Error('defect')"],
  ["runs out of memory", "const all = []; for (;;) all.push(new Array(1000).fill(Math.random()))"],
])("a thread that %s is told, and the next question starts another", async (_, text) => {
  const worker = `require("node:worker_threads").parentPort.on("message", () => { ${text} })`;
  const { jobs, close } = createRepositoryThread(place(), {
    ...program(worker),
    options: { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } },
  });
  for (let n = 0; n < 2; n++)
    await expect(jobs.look()).rejects.toMatchObject({ code: "storage-failed", retry: "later" });
  await close();
});

test("closed with questions open it answers them all, and takes no more", async () => {
  const { jobs, close } = createRepositoryThread(place(), program("setInterval(() => {}, 1000)"));
  const open = [jobs.look(), jobs.prune({ holder: "x" })].map((one) => one.catch(({ code }) => code));
  const many = Array.from({ length: 300 }, () => jobs.look().catch(({ code }) => code));
  await close();
  expect(await Promise.all(open)).toEqual(["storage-failed", "storage-failed"]);
  expect((await Promise.all(many)).filter((code) => code === "conflict")).toHaveLength(46);
  await expect(jobs.look()).rejects.toMatchObject({ code: "conflict" });
});
