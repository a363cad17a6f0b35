import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { locumCommand } from "../stack/locum-command.ts";
import { type SidecarProcess, startSidecarProcess } from "./sidecar-process.ts";
import { type Digits, newApprover, recordRelease, startDigits, writeRelease } from "./start-digits.ts";
import { serviceOf } from "./start-sidecar.ts";

const main = fileURLToPath(new URL("../../apps/sidecar/src/main.ts", import.meta.url));
// A copy is kept once the model was proven, which takes its time on a machine that does other things.
vi.setConfig({ testTimeout: 150_000 });
const patient = { timeout: 60_000 };
let digits: Digits;
let sidecar: SidecarProcess | undefined;
let spare: string;
const approver = newApprover();

/** A pod of its own each time: another name, an empty state, no release but what the volume keeps. */
async function startPod(
  name: string,
  {
    onSourceFailure = "use-snapshot",
    releases = join(digits.dir, "none"),
    schedule,
    repository,
    collector,
    tokenFile,
  }: {
    onSourceFailure?: string;
    releases?: string;
    schedule?: string;
    repository?: { place: string; writerDir: string };
    collector?: string;
    tokenFile?: string;
  } = {},
) {
  const instance = { id: name, digits, sidecar: { stateDir: join(digits.dir, name) } };
  const service = serviceOf([instance], { approver, dir: digits.dir, failover: { onUnapproved: "hold" } });
  const file = join(digits.dir, `${name}.yaml`);
  const snapshot = { ...service.snapshot, spareDir: spare, onSourceFailure, schedule, repository };
  await writeFile(file, JSON.stringify({ ...service, releases, snapshot }));
  const linked = collector && tokenFile ? ["--collector", collector, "--token-file", tokenFile] : [];
  sidecar = await startSidecarProcess(main, ["--config", file, ...linked]);
  return sidecar;
}
async function endPod(): Promise<void> {
  await sidecar?.kill("SIGKILL");
  sidecar = undefined;
}
const keptReleases = () => readdir(join(spare, "releases")).catch(() => []);
const modelFiles = async () =>
  (await readdir(digits.modelDir)).filter((name) => !name.startsWith(".")).toSorted();

/** A first pod proves the model, and keeps a copy of it on the volume; then everything but the volume is gone. */
async function keepCopy(): Promise<Buffer> {
  const bytes = await readFile(digits.file);
  const releases = join(digits.dir, "releases");
  await writeRelease(releases, await recordRelease(digits, approver));
  await startPod("first", { releases });
  await expect.poll(keptReleases, patient).toHaveLength(1);
  await endPod();
  await rm(digits.modelDir, { recursive: true });
  await rm(join(digits.modelDir, "..", ".locum-twin-digits"), { recursive: true, force: true });
  await mkdir(digits.modelDir);
  return bytes;
}

beforeEach(async () => {
  digits = await startDigits();
  spare = join(digits.dir, "volume", "digits");
});
afterEach(async () => {
  await endPod();
  await digits.close();
});

test("the model's source is gone: a new pod starts on the right bytes before anything waits for it", async () => {
  const bytes = await keepCopy();
  const { control } = await startPod("second");
  // The line that says that it listens is out: whatever waits for the startup probe finds the files.
  expect((await readFile(digits.file)).equals(bytes)).toBe(true);
  expect((await fetch(`${control}/livez`)).status).toBe(200);
  await digits.load();
  await expect
    .poll(async () => (await sidecar?.status())?.report, patient)
    .toMatchObject({
      bytes: "approved",
      fit: true,
    });
});

test("only what is missing is put there, and other files stay", async () => {
  const bytes = await keepCopy();
  await writeFile(join(digits.modelDir, "mine.txt"), "of somebody else");
  await startPod("second");
  expect(await modelFiles()).toEqual(["mine.txt"]);
  await endPod();
  await rm(join(digits.modelDir, "mine.txt"));
  await startPod("third");
  expect((await readFile(digits.file)).equals(bytes)).toBe(true);
});

test("a collector that does not open what is kept is asked again, and then the pod starts all the same", async () => {
  const locum = locumCommand({ dir: digits.dir });
  const kept = { place: join(digits.dir, "kept"), writerDir: join(digits.dir, "writer") };
  await locum.done("snapshot", "init", "-r", kept.place, "--make-key", "--writer-dir", kept.writerDir);
  const releases = join(digits.dir, "releases");
  await writeRelease(releases, await recordRelease(digits, approver));
  const { status } = await startPod("first", { releases, repository: kept });
  await expect.poll(async () => (await status()).snapshots?.taken, patient).toBe(1);
  await endPod();
  await rm(join(digits.dir, "volume"), { recursive: true, force: true });
  await rm(join(digits.modelDir, "..", ".locum-twin-digits"), { recursive: true, force: true });
  await rm(digits.file);
  const collector = "http://127.0.0.1:9";
  const tokenFile = join(digits.dir, "tokens.json");
  await writeFile(tokenFile, JSON.stringify({ tokens: [{ role: "sidecar", token: "t".repeat(32) }] }));
  const second = await startPod("second", { releases, repository: kept, collector, tokenFile });
  expect(await modelFiles()).toEqual([]);
  expect((await fetch(`${second.control}/livez`)).status).toBe(200);
});

test("without being asked to, nothing is filled", async () => {
  await keepCopy();
  await startPod("second", { onSourceFailure: "fail" });
  expect(await modelFiles()).toEqual([]);
});

test("a copy that does not verify fills nothing, and the pod starts all the same", async () => {
  await keepCopy();
  const [twin = ""] = await readdir(join(spare, "twins"));
  const file = join(spare, "twins", twin, "files", "model.onnx");
  const evil = Buffer.alloc((await readFile(file)).length, 7);
  // A copy is read-only, its folders too.
  await chmod(join(spare, "twins", twin, "files"), 0o700);
  await rm(file, { force: true });
  await writeFile(file, evil);
  const { control } = await startPod("second");
  expect(await modelFiles()).toEqual([]);
  expect((await fetch(`${control}/livez`)).status).toBe(200);
});

test("a copy that was damaged is made anew at its time", async () => {
  const bytes = await readFile(digits.file);
  const releases = join(digits.dir, "releases");
  await writeRelease(releases, await recordRelease(digits, approver));
  await startPod("first", { releases, schedule: "* * * * * *" });
  await expect.poll(keptReleases, patient).toHaveLength(1);
  const [twin = ""] = await readdir(join(spare, "twins"));
  const folder = join(spare, "twins", twin, "files");
  await chmod(folder, 0o700);
  await rm(join(folder, "model.onnx"), { force: true });
  await writeFile(join(folder, "model.onnx"), Buffer.alloc(bytes.length, 7));
  const kept = () => readFile(join(folder, "model.onnx")).catch(() => Buffer.alloc(0));
  await expect.poll(async () => (await kept()).equals(bytes), patient).toBe(true);
});

test("a release that no approver signed is no reason to fill", async () => {
  await keepCopy();
  const [name = ""] = await keptReleases();
  const release = JSON.parse(await readFile(join(spare, "releases", name), "utf8"));
  await writeFile(
    join(spare, "releases", name),
    JSON.stringify({ ...release, body: { ...release.body, note: "changed" } }),
  );
  await startPod("second");
  expect(await modelFiles()).toEqual([]);
});

test("what a pod that died left claimed is not waited for by itself", async () => {
  const bytes = await keepCopy();
  await writeFile(join(spare, "claim"), "second");
  await startPod("second");
  expect((await readFile(digits.file)).equals(bytes)).toBe(true);
  expect(existsSync(join(spare, "claim"))).toBe(false);
});
