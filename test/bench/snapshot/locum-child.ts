import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { nodeFs } from "@locum/snapshot";
import {
  captureTree,
  commitSnapshot,
  createRepository,
  createSnapshotPool,
  directoryStore,
  folderBase,
  healPack,
  keyOpener,
  loadIndex,
  nativeHash,
  openRepository,
  planRestore,
  pooledChecks,
  readRef,
  readSnapshot,
  recipientOf,
  repositorySource,
  restoreSnapshot,
} from "@locum/snapshot/repository";

/** The only argument, as JSON. `older` is a folder that still has the version before. */
export type ChildJob =
  | {
      act: "backup";
      repository: string;
      folder: string;
      older?: string;
      parity?: boolean;
      digest?: "sha256" | "blake3";
    }
  | { act: "restore"; repository: string; folder: string }
  | { act: "heal"; repository: string };

/**
 * One act by the library, as a sidecar or collector does it: with threads, on a loop that serves others meanwhile. Tells
 * the time without the start of the process, which those have behind them, and how late its loop was.
 */
const job: ChildJob = JSON.parse(process.argv[2] ?? "{}");

const idKey = Buffer.alloc(32, 7);
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), Buffer.alloc(32, 9)]),
  format: "der",
  type: "pkcs8",
});
const opener = keyOpener(privateKey);
const store = directoryStore({ fs: nodeFs, root: job.repository, random: randomBytes });
const deps = { store, idKey, hash: nativeHash, random: randomBytes, wallMs: Date.now };

async function backup({
  repository: place,
  folder,
  older,
  parity = false,
  digest = "sha256",
}: ChildJob & { act: "backup" }): Promise<Record<string, unknown>> {
  await mkdir(place, { recursive: true });
  const pool = createSnapshotPool();
  const repository = await createRepository(deps);
  const capture = await captureTree({ root: folder });
  const { packs, bytes, torn } = await commitSnapshot(repository, {
    ...capture,
    stub: { model: "bench", capturedAt: new Date().toISOString(), parent: null, torn: false },
    recipients: [recipientOf(privateKey)],
    by: "bench",
    pool,
    parity,
    digest,
    ...(older !== undefined && { base: await folderBase({ root: older, files: capture.files }) }),
  });
  await capture.close();
  await pool.close();
  return { packs: packs.length, bytes, torn };
}

async function restore({ folder }: ChildJob & { act: "restore" }): Promise<Record<string, unknown>> {
  const pool = createSnapshotPool();
  const repository = await openRepository(deps);
  const latest = await readRef(repository, { model: "bench", channel: "latest" });
  const manifest = await readSnapshot(repository, latest?.snapshot ?? "", { opener });
  const loaded = await loadIndex(repository, { for: "reader" });
  const plan = await planRestore({
    repository,
    manifest,
    to: folder,
    layout: "folder",
    sources: [repositorySource({ repository, loaded, opener, pool })],
    checks: pooledChecks(pool, manifest.idKey),
  });
  const { path } = await restoreSnapshot(plan);
  await pool.close();
  return { path };
}

/** Every pack looked through, and made whole from its parity where it is not. */
async function heal(): Promise<Record<string, unknown>> {
  const repository = await openRepository(deps);
  const { packs } = await loadIndex(repository, { for: "reader" });
  const repaired: string[] = [];
  for (const { name } of packs.values()) {
    const { kind } = await healPack({ ...repository, name, parity: repository.config.parity });
    if (kind !== "intact") repaired.push(`${name} ${kind}`);
  }
  return { repaired };
}

function perform(): Promise<Record<string, unknown>> {
  switch (job.act) {
    case "backup":
      return backup(job);
    case "restore":
      return restore(job);
    case "heal":
      return heal();
  }
}

/** Only in the index, so that asking costs nothing of what is measured. */
async function chunksThere(): Promise<number> {
  if ((await store.size("config").catch(() => undefined)) === undefined) return 0;
  const { index } = await loadIndex(await openRepository(deps), { for: "writer" });
  return index.size();
}

const before = await chunksThere();
const late = monitorEventLoopDelay({ resolution: 1 });
late.enable();
const startedMs = performance.now();
const told = await perform();
const seconds = (performance.now() - startedMs) / 1000;
late.disable();
const loopMs = { p99: late.percentile(99) / 1e6, max: late.max / 1e6 };
const newChunks = (await chunksThere()) - before;
process.stdout.write(JSON.stringify({ ...told, seconds, loopMs, newChunks }));
