import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { corrupt } from "../sidecar/corrupt.ts";
import { type SidecarProcess, startSidecarProcess } from "../sidecar/sidecar-process.ts";
import { type StartedCollector, startCollector } from "../sidecar/start-collector.ts";
import {
  type Approver,
  type Digits,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "../sidecar/start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "../sidecar/start-sidecar.ts";
import { type LocumCommand, locumCommand } from "../stack/locum-command.ts";

const patient = { timeout: 20_000 };
const root = fileURLToPath(new URL("../..", import.meta.url));
const program = join(root, "apps/sidecar/src/main.ts");
let digits: Digits;
let approver: Approver;
let locum: LocumCommand;
let repository: string;
let sidecars: StartedSidecar[] = [];

beforeEach(async () => {
  approver = newApprover();
  digits = await startDigits();
  repository = join(digits.dir, "repository");
  locum = locumCommand({ dir: digits.dir });
  await locum.done("snapshot", "init", "-r", repository, "--make-key", "--writer-dir", "writer");
  await writeRelease(`${digits.dir}/releases`, await recordRelease(digits, approver));
});
afterEach(async () => {
  for (const sidecar of sidecars) await sidecar.close();
  sidecars = [];
  await digits.close();
});

async function start(
  wanted: Record<string, unknown> = {},
  { collector }: { collector?: StartedCollector } = {},
): Promise<StartedSidecar> {
  const snapshot = { repository: { place: "repository", writerDir: "writer", ...wanted } };
  // Without a twin what is lost comes from elsewhere.
  const service = serviceOf([{ id: "a", digits }], {
    approver,
    dir: digits.dir,
    snapshot: { twin: collector === undefined, ...snapshot },
  });
  const to = collector && { collector: collector.url, tokenFile: collector.tokenFile };
  const sidecar = await startSidecar(service, "a", to ?? {});
  sidecars.push(sidecar);
  return sidecar;
}

type Seen = { taken: number; failures: number; goodAt: string | null; problem: string | null };
const seen = async ({ control }: StartedSidecar): Promise<Seen> => {
  const { snapshots } = (await (await fetch(`${control}/status`)).json()) as { snapshots: Seen };
  return snapshots;
};
const list = async () => {
  const { stdout } = await locum.done("snapshot", "ls", "-r", repository, "--json");
  const lines = stdout.trim().split("\n");
  return lines
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { id: string; channels: string[]; torn: boolean });
};

test("a release that was proven is kept once, readable by the operator alone, and not again after a restart", async () => {
  const first = await start();
  await expect.poll(() => seen(first), patient).toMatchObject({ taken: 1, failures: 0, problem: null });
  expect((await seen(first)).goodAt).not.toBeNull();
  const [snapshot, ...others] = await list();
  expect(others).toEqual([]);
  expect(snapshot?.channels.map((name) => name.replace(/[0-9a-f]{40}$/, "…"))).toEqual([
    "last-known-good",
    "latest",
    "release-…",
    "served",
  ]);
  const back = join(digits.dir, "back");
  await locum.done("snapshot", "restore", "digits/last-known-good", "-r", repository, "--to", back);
  expect((await readFile(join(back, "model.onnx"))).equals(await readFile(digits.file))).toBe(true);

  await sidecars.pop()?.close();
  const second = await start();
  await expect.poll(() => second.report().fit, patient).toBe(true);
  await expect.poll(() => second.report().restorable.length, patient).toBe(1);
  expect(await seen(second)).toMatchObject({ taken: 0, failures: 0 });
  expect(await list()).toHaveLength(1);
});

test("on schedule files that nobody has proven are kept as the latest, and as nothing more", async () => {
  await appendFile(digits.file, "not the release's");
  const sidecar = await start({ onChange: false, schedule: "* * * * * *" });
  await expect.poll(async () => (await seen(sidecar)).taken, patient).toBeGreaterThan(0);
  // One a second: a listing of now would be one of two moments.
  await sidecars.pop()?.close();
  const [snapshot] = await list();
  expect(snapshot).toMatchObject({ torn: false });
  expect((await list()).flatMap(({ channels }) => channels)).toEqual(["latest"]);
});

test("who holds no private key restores by the collector's leave, and the audit log says so", async () => {
  const service = {
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    approvers: [{ keyId: approver.keyId, publicKey: approver.publicKey }],
    instances: [{ id: "a", url: digits.url, modelDir: digits.modelDir }],
    collector: { repositories: [{ place: "repository", privateKeyFile: "operator/locum/snapshot.key" }] },
  };
  const file = join(digits.dir, "service.yaml");
  await writeFile(file, JSON.stringify(service));
  const collector = await startCollector(file, { dataDir: join(digits.dir, "collector") });
  try {
    const sidecar = await start({}, { collector });
    await expect.poll(async () => (await seen(sidecar)).taken, patient).toBe(1);
    await expect.poll(() => sidecar.report().restorable.length, patient).toBe(1);
    const right = await readFile(digits.file);
    await corrupt(digits.file);
    await expect.poll(async () => (await readFile(digits.file)).equals(right), patient).toBe(true);
    await expect.poll(() => sidecar.report().bytes, patient).toBe("approved");
    const told = async () => {
      const { records } = (await collector.get("/v1/audit?kind=snapshot.key,restore.result&limit=50")) as {
        records: { event: { kind: string; reason: string; facts: Record<string, unknown> } }[];
      };
      return records.map(({ event }) => ({ ...event, outcome: event.facts.outcome }));
    };
    // The result comes after the goldens have proven it.
    await expect.poll(told, patient).toMatchObject([
      { kind: "snapshot.key", outcome: "granted" },
      { kind: "restore.result", outcome: "done", reason: expect.stringContaining("bytes from repository") },
    ]);
  } finally {
    await collector.kill("SIGTERM");
  }
});

test("a repository that is not there is told once, and taken when it comes", async () => {
  const sidecar = await start({ place: "elsewhere", schedule: "* * * * * *" });
  await expect.poll(async () => (await seen(sidecar)).failures, patient).toBeGreaterThan(1);
  const told = sidecar.logs.filter((line) => line.includes("no snapshot could be taken"));
  expect(told).toHaveLength(1);
  expect(await seen(sidecar)).toMatchObject({ taken: 0, problem: expect.stringContaining("config") });
  expect(sidecar.report()).toMatchObject({ fit: true });
  const elsewhere = join(digits.dir, "elsewhere");
  await locum.done("snapshot", "init", "-r", elsewhere, "--make-key", "--writer-dir", "writer");
  await expect.poll(async () => (await seen(sidecar)).taken, patient).toBeGreaterThan(0);
  expect(await seen(sidecar)).toMatchObject({ problem: null });
});

/** As a process of its own; ended by whoever starts it. */
async function startProcess(main: string, wanted: Record<string, unknown>): Promise<SidecarProcess> {
  const service = serviceOf([{ id: "a", digits, sidecar: { stateDir: "state" } }], {
    approver,
    dir: digits.dir,
    snapshot: { repository: { place: "repository", writerDir: "writer", ...wanted } },
  });
  const config = join(digits.dir, "locum.yaml");
  await writeFile(config, JSON.stringify(service));
  return startSidecarProcess(main, ["--config", config], { cwd: digits.dir });
}

async function takesGood(main: string, wanted: Record<string, unknown> = {}): Promise<void> {
  const sidecar = await startProcess(main, wanted);
  try {
    const channelsNow = async () => (await list()).flatMap(({ channels }) => channels);
    await expect.poll(channelsNow, patient).toContain("last-known-good");
  } finally {
    await sidecar.kill("SIGKILL");
  }
  await locum.done("snapshot", "verify", "-r", repository);
  const back = join(digits.dir, "back");
  await locum.done("snapshot", "restore", "digits/last-known-good", "-r", repository, "--to", back);
  expect((await readFile(join(back, "model.onnx"))).equals(await readFile(digits.file))).toBe(true);
}

test("one that is killed midway leaves nothing that is broken, and its successor takes it", async () => {
  await writeFile(join(digits.dir, "adapter.bin"), randomBytes(2_000_000));
  const wanted = { include: ["adapter.bin"], schedule: "* * * * * *" };
  const slow = await startProcess(program, { ...wanted, bytesPerSecond: 100_000 });
  const claims = () => readdir(join(repository, "intents")).catch(() => []);
  try {
    await expect.poll(claims, patient).toHaveLength(1);
  } finally {
    await slow.kill("SIGKILL");
  }
  expect(await claims()).toHaveLength(1);
  await locum.done("snapshot", "verify", "-r", repository, "--writer-dir", "writer");
  await takesGood(program, wanted);
});

test("a bundle with no native code beside it writes what installed packages read", async () => {
  const built = spawnSync(process.execPath, [join(root, "bin/build.mjs"), "sidecar"], { encoding: "utf8" });
  expect(built.stderr).toBe("");
  const alone = join(digits.dir, "main.cjs");
  await copyFile(join(root, "dist/sidecar/main.cjs"), alone);
  await takesGood(alone);
});
