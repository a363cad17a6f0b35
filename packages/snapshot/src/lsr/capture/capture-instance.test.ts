import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commitSnapshot } from "../repository/commit-snapshot.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { newRepository, readBack } from "../testing/repository-rig.ts";
import { opener, sealing } from "../testing/rig.ts";
import { type CaptureInstanceOptions, captureInstance } from "./capture-instance.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "locum-capture-"));
  await mkdir(join(folder, "model/sub"), { recursive: true });
  await writeFile(join(folder, "model/weights.bin"), "w".repeat(3 << 20));
  await writeFile(join(folder, "model/sub/tokenizer.json"), "{}");
  await symlink("../weights.bin", join(folder, "model/sub/link.bin"));
  await mkdir(join(folder, "lora"));
  await writeFile(join(folder, "lora/adapter_config.json"), '{"r":8}');
  using database = new DatabaseSync(join(folder, "features.sqlite"));
  database.exec("PRAGMA journal_mode=wal; CREATE TABLE f (v TEXT); INSERT INTO f VALUES ('right')");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const hook = (file: string) => ({ kind: "sqlite", name: "features", file, timeoutMs: 60_000 }) as const;

const options = (more: Partial<CaptureInstanceOptions> = {}): CaptureInstanceOptions => ({
  modelDir: join(folder, "model"),
  include: [join(folder, "lora")],
  hooks: [hook(join(folder, "features.sqlite"))],
  hooksDir: join(folder, "hooks"),
  state: { served: { server: "vllm", command: ["vllm", "--api-key", "hunter2"] } },
  ...more,
});

async function snapshotOf(more: Partial<CaptureInstanceOptions> = {}) {
  const { repository } = await newRepository();
  const { torn, hooks: _hooks, warnings: _warnings, ...capture } = await captureInstance(options(more));
  const capturedAt = new Date(repository.wallMs()).toISOString();
  const { id } = await commitSnapshot(repository, {
    ...capture,
    stub: { model: "digits", capturedAt, parent: null, torn },
    recipients: sealing.recipients,
    by: "test",
  });
  const { stub, body } = await readSnapshot(repository, id, { opener });
  return { stub, body, files: await readBack(repository, id) };
}

test("a live instance on a real disk: model, adapters, database and state come back, without a secret", async () => {
  const { stub, body, files } = await snapshotOf();
  expect(stub.torn).toBe(false);
  const database = ".locum/hooks/features/database.sqlite";
  expect([...files.keys()].sort()).toEqual([
    database,
    ".locum/include/0/adapter_config.json",
    "sub/tokenizer.json",
    "weights.bin",
  ]);
  expect(files.get("weights.bin")?.length).toBe(3 << 20);
  await writeFile(join(folder, "copy.sqlite"), Buffer.from(files.get(database) ?? "", "latin1"));
  using copy = new DatabaseSync(join(folder, "copy.sqlite"), { readOnly: true });
  expect(copy.prepare("SELECT v FROM f").get()).toMatchObject({ v: "right" });
  expect(body.files).toContainEqual({ path: "sub/link.bin", kind: "link", target: "../weights.bin" });
  expect(body.state).toMatchObject({
    server: { name: "vllm" },
    process: { from: "service-file", flags: ["vllm", "--api-key", "(refused)"] },
    parts: { tokenizer: ["sub/tokenizer.json"], adapters: [".locum/include/0/adapter_config.json"] },
    include: [{ name: "lora", at: ".locum/include/0" }],
    hooks: [{ name: "features", outcome: "copied" }],
    refused: [{ code: "secret-refused", name: "--api-key" }],
  });
  expect(JSON.stringify(body)).not.toContain("hunter2");
});

test("a hook that fails, and what is included and not there, make the snapshot torn and are named", async () => {
  const failed = await snapshotOf({ hooks: [hook(join(folder, "absent.sqlite"))] });
  expect(failed.stub.torn).toBe(true);
  expect(failed.body.state.hooks).toMatchObject([{ outcome: "failed", code: "upstream-refused" }]);
  expect([...failed.files.keys()].some((path) => path.startsWith(".locum/hooks"))).toBe(false);
  const absent = await snapshotOf({ include: [join(folder, "absent")] });
  expect(absent.stub.torn).toBe(true);
  expect(absent.body.state.left).toEqual([{ path: ".locum/include/0", reason: "missing" }]);
});

test.skipIf(process.platform === "win32")(
  "a pipe in the folder of the model is told, and nobody waits for it",
  async () => {
    execFileSync("mkfifo", [join(folder, "model/pipe")]);
    const { stub, body } = await snapshotOf();
    expect([stub.torn, body.state.left]).toEqual([false, [{ path: "pipe", reason: "special" }]]);
  },
);

test.runIf(process.platform === "linux")("as many readings as it takes leave no file open", async () => {
  const openFiles = async () =>
    (await import("node:fs/promises")).readdir("/proc/self/fd").then((names) => names.length);
  const before = await openFiles();
  const capture = await captureInstance(options());
  for (const { source } of capture.files) await source.read(0, Math.min(source.size, 1 << 20));
  await capture.close();
  expect(await openFiles()).toBeLessThanOrEqual(before);
  expect(await readFile(join(folder, "model/sub/tokenizer.json"), "utf8")).toBe("{}");
});
