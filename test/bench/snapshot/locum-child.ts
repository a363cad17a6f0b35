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
  handleSource,
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

/**
 * One backup or restore by the library, as a sidecar does it: with threads, on a loop that serves others meanwhile.
 * `backup REPOSITORY FOLDER [BASE]` and `restore REPOSITORY TARGET`. Tells the time without the start of the process,
 * which a sidecar has behind it, and how late its loop was.
 */
const [act = "", repositoryFolder = "", folder = "", base] = process.argv.slice(2);

const idKey = Buffer.alloc(32, 7);
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), Buffer.alloc(32, 9)]),
  format: "der",
  type: "pkcs8",
});
const opener = keyOpener(privateKey);
const store = directoryStore({ fs: nodeFs, root: repositoryFolder, random: randomBytes });
const deps = { store, idKey, hash: nativeHash, random: randomBytes, wallMs: Date.now };

async function backup(): Promise<Record<string, unknown>> {
  await mkdir(repositoryFolder, { recursive: true });
  const repository = await createRepository(deps);
  const pool = createSnapshotPool();
  const capture = await captureTree({ root: folder });
  const { packs, bytes, torn } = await commitSnapshot(repository, {
    ...capture,
    stub: { model: "bench", capturedAt: new Date().toISOString(), parent: null, torn: false },
    recipients: [recipientOf(privateKey)],
    by: "bench",
    pool,
    ...(base !== undefined && { base: baseIn(base) }),
  });
  await capture.close();
  await pool.close();
  return { packs: packs.length, bytes, torn };
}

/** What the older version's folder has in the same place. */
function baseIn(older: string): NonNullable<Parameters<typeof commitSnapshot>[1]["base"]> {
  return async ({ path, start, length }) => {
    const handle = await nodeFs.open(`${older}/${path}`, "r").catch(() => undefined);
    if (!handle) return undefined;
    try {
      const source = await handleSource(handle);
      return start + length <= source.size ? await source.read(start, length) : undefined;
    } finally {
      await handle.close();
    }
  };
}

async function restore(): Promise<Record<string, unknown>> {
  const repository = await openRepository(deps);
  const pool = createSnapshotPool();
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
  const { path } = await restoreSnapshot({ ...plan, filesAtOnce: 2, chunksAtOnce: 16 });
  await pool.close();
  return { path };
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
const told = await (act === "backup" ? backup() : restore());
const seconds = (performance.now() - startedMs) / 1000;
late.disable();
const loopMs = { p99: late.percentile(99) / 1e6, max: late.max / 1e6 };
const newChunks = (await chunksThere()) - before;
process.stdout.write(JSON.stringify({ ...told, seconds, loopMs, newChunks }));
