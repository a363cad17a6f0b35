import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { nodeFs } from "../../fs.ts";
import { makeModelDir, writeFiles } from "../../testing/model-dir.ts";
import { captureTree } from "../capture/capture-tree.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { packPath } from "../pack/pack-path.ts";
import { createSnapshotPool } from "../pipeline/snapshot-pool.ts";
import { commitSnapshot } from "../repository/commit-snapshot.ts";
import { loadIndex } from "../repository/load-index.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { createRepository } from "../repository/repository.ts";
import { directoryStore } from "../store/directory-store.ts";
import { lookAt } from "../testing/restore-rig.ts";
import { opener, sealing, seededBytes } from "../testing/rig.ts";
import { folderSource } from "./folder-source.ts";
import { planRestore, type RestorePlanInput } from "./plan-restore.ts";
import { repositorySource } from "./repository-source.ts";
import { pooledChecks } from "./restore-checks.ts";
import { restoreSnapshot } from "./restore-snapshot.ts";
import { swapCurrent } from "./swap-current.ts";

const worker = fileURLToPath(new URL("../testing/restore-snapshot-once.ts", import.meta.url));
const files = {
  "1/model.onnx": seededBytes(61)(1_500_000),
  "1/model.data": seededBytes(62)(2_500_000),
  "labels.txt": "zero\none\n",
  empty: "",
};

/** A model on the real disk, and a repository with a snapshot of it. */
async function rig() {
  const model = await makeModelDir(files);
  await chmod(join(model.dir, "labels.txt"), 0o600);
  await chmod(join(model.dir, "1"), 0o750);
  await utimes(join(model.dir, "labels.txt"), 1_700_000_000, 1_700_000_000);
  await symlink("1/model.onnx", join(model.dir, "latest"));
  const root = join(model.scratch, "repository");
  await mkdir(root);
  const store = directoryStore({ fs: nodeFs, root, random: randomBytes });
  const { idKey } = sealing;
  const deps = { store, idKey, hash: nativeHash, random: randomBytes, wallMs: Date.now };
  const repository = await createRepository(deps);
  const capturedAt = new Date().toISOString();
  const { id, packs } = await commitSnapshot(repository, {
    ...(await captureTree({ root: model.dir })),
    stub: { model: "digits", capturedAt, parent: null, torn: false },
    recipients: sealing.recipients,
    by: "test",
  });
  const manifest = await readSnapshot(repository, id, { opener });
  const loaded = await loadIndex(repository, { for: "reader" });
  const to = join(model.scratch, "served");
  const plan = (more: Partial<RestorePlanInput> = {}) => {
    const sources = [repositorySource({ repository, loaded, opener })];
    return planRestore({ repository, manifest, to, sources, ...more });
  };
  return { model, root, repository, id, packs, manifest, loaded, to, plan };
}

/** As captured: names, kinds, modes and bytes, and times as exactly as Node sets them. */
async function expectWhole(path: string, dir: string): Promise<void> {
  const withoutTimes = async (root: string) =>
    Object.entries(await lookAt(nodeFs, root)).map(([name, text]) => [name, text.replace(/ \d{10,} /, " ")]);
  expect((await withoutTimes(path)).sort()).toEqual((await withoutTimes(dir)).sort());
  for (const name of Object.keys(files)) {
    const [restored, captured] = [await stat(join(path, name)), await stat(join(dir, name))];
    expect(Math.abs(restored.mtimeMs - captured.mtimeMs)).toBeLessThan(0.002);
  }
}

test.runIf(process.platform !== "win32")(
  "captured, committed, restored on threads, served through current",
  async () => {
    const { model, to, manifest, repository, loaded, id, plan } = await rig();
    await using _model = model;
    const pool = createSnapshotPool({ threads: 2 });
    try {
      const checks = pooledChecks(pool, manifest.idKey);
      const sources = [repositorySource({ repository, loaded, opener, pool })];
      const planned = await plan({ checks, sources });
      const bytes = 4_000_000 + "zero\none\n".length;
      expect(planned).toMatchObject({ totalBytes: bytes, bytesBySource: { repository: bytes } });
      const { path } = await restoreSnapshot(planned);
      await swapCurrent({ to, version: path });
      expect(path).toBe(join(to, "versions", id));
      await expectWhole(join(to, "versions", id), model.dir);
      expect(await readFile(join(to, "current", "labels.txt"), "utf8")).toBe("zero\none\n");
      // Again, from what is served: the threads find it whole.
      expect(await plan({ checks, sources })).toMatchObject({ already: path });
      const copy = await plan({
        checks,
        sources,
        to: join(model.scratch, "copy"),
        local: [path],
        layout: "folder",
      });
      expect(copy.bytesBySource).toEqual({ local: bytes });
      await expectWhole((await restoreSnapshot(copy)).path, model.dir);
    } finally {
      await pool.close();
    }
  },
);

test.runIf(process.platform !== "win32")(
  "what a damaged pack has lost comes from a twin; without one the restore says which file it cannot give back",
  async () => {
    const { model, root, packs, manifest, to, repository, loaded, plan } = await rig();
    await using _model = model;
    for (const pack of packs) {
      const path = join(root, packPath(pack));
      const bytes = await readFile(path);
      bytes.fill(0, 2_000_000, 2_001_000);
      await chmod(path, 0o600);
      await writeFile(path, bytes);
    }
    const alone = await plan();
    await expect(restoreSnapshot(alone)).rejects.toMatchObject({
      code: "snapshot-corrupt",
      message: expect.stringMatching(/^1\/model\.(onnx|data): /),
    });
    expect((await readdir(join(to, "versions"))).filter((name) => !name.startsWith("."))).toEqual([]);
    const twin = join(model.scratch, "twin");
    await writeFiles(twin, files);
    const sources = [
      repositorySource({ repository, loaded, opener }),
      folderSource({ name: "twin", root: twin, files: manifest.body.files }),
    ];
    const { path, bytesBySource, isResumed } = await restoreSnapshot(await plan({ sources }));
    expect(isResumed).toBe(true);
    expect(bytesBySource.twin).toBeGreaterThan(0);
    await expectWhole(path, model.dir);
  },
);

test.runIf(process.platform !== "win32").for([1, 3, 5])(
  "killed at chunk %i: the next run goes on with what is there",
  async (chunk) => {
    const { model, root, id, to, plan } = await rig();
    await using _model = model;
    await killAt({ root, to, id }, `chunk ${chunk}\n`);
    expect((await readdir(join(to, "versions"))).filter((name) => !name.startsWith("."))).toEqual([]);
    const { path, draftBytes, isResumed } = await restoreSnapshot(await plan());
    expect(isResumed).toBe(true);
    if (chunk > 1) expect(draftBytes).toBeGreaterThan(0);
    await expectWhole(path, model.dir);
    expect(await readdir(join(to, "versions"))).toEqual([id]);
  },
);

async function killAt(input: object, line: string): Promise<void> {
  const child = spawn(process.execPath, [worker, JSON.stringify(input)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  let said = "";
  for await (const text of child.stdout.setEncoding("utf8")) {
    said += text;
    if (!said.includes(line)) continue;
    child.kill("SIGKILL");
    break;
  }
  await exit;
  expect(said).toContain(line);
}
