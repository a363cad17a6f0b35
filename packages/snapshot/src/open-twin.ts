import { join } from "node:path";
import { assert, Fault, type Tree, type TreeFile } from "@locum/contracts";
import { z } from "zod";
import { verifyFile } from "./copy-verified.ts";
import { readSmall } from "./durable.ts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere, withFsFaults } from "./fs-fault.ts";
import { chunkBuffer, readChunk, sha256 } from "./hash-file.ts";
import { type Pace, unpaced } from "./pace.ts";
import { snapshotPlaces } from "./snapshot-places.ts";
import type { Source } from "./source.ts";
import { parseTree } from "./tree-digest.ts";
import { walkTree } from "./walk-tree.ts";

export type Twin = { path: string; tree: Tree; source: Source };

/** twin.json: the tree as contracts have it, and the permission bits that the live files had. */
const TwinRecord = z.strictObject({
  tree: z.unknown(),
  modes: z.record(z.string(), z.number().int().min(0).max(0o777)),
});
const recordBytesMax = 64 * 1024 * 1024;

export const twinPath = (twinRoot: string, digest: string): string => join(twinRoot, digest.slice(7));

/**
 * Opens the twin of a tree. `verify: "full"` reads all its bytes (a drill, a check before it is relied on);
 * `"names"` compares files and sizes only, and is enough before a restore, since its source checks every chunk
 * that it gives.
 * @throws Fault snapshot-missing | snapshot-corrupt | storage-failed
 */
export async function openTwin({
  dir,
  twinRoot,
  digest,
  verify = "full",
  pace = unpaced,
  fs = nodeFs,
}: {
  dir: string;
  twinRoot?: string;
  digest: string;
  verify?: "full" | "names";
  pace?: Pace;
  fs?: Fs;
}): Promise<Twin> {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new Fault("snapshot-missing", `${digest} is no tree digest`);
  return withFsFaults(`reading the copy of ${digest}`, async () => {
    const path = twinPath(twinRoot ?? (await snapshotPlaces({ dir, fs })).twinRoot, digest);
    if ((await ifThere(fs.lstat(path)))?.kind !== "dir")
      throw new Fault("snapshot-missing", `no copy of ${digest} beside ${dir}`);
    const { tree, modes } = await readRecord(fs, path);
    if (tree.digest !== digest) throw corrupt(path, `is a copy of ${tree.digest}`);
    await compareNames(fs, path, tree);
    if (verify === "full")
      for (const file of tree.files) await verifyOne(fs, join(path, "files", file.path), file, pace);
    return { path, tree, source: twinSource(fs, path, tree, modes) };
  });
}

/** Digests of the trees that have a twin here, not verified. */
export async function listTwins({
  dir,
  twinRoot,
  fs = nodeFs,
}: {
  dir: string;
  twinRoot?: string;
  fs?: Fs;
}): Promise<string[]> {
  const root = twinRoot ?? (await snapshotPlaces({ dir, fs })).twinRoot;
  const names = (await ifThere(fs.readdir(root))) ?? [];
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => `sha256:${name}`);
}

async function readRecord(fs: Fs, path: string): Promise<{ tree: Tree; modes: Map<string, number> }> {
  try {
    const record = TwinRecord.parse(
      JSON.parse((await readSmall(fs, join(path, "twin.json"), recordBytesMax)) ?? "null"),
    );
    return { tree: parseTree(record.tree), modes: new Map(Object.entries(record.modes)) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError || error instanceof RangeError)
      throw corrupt(path, "its twin.json cannot be read");
    throw error;
  }
}

async function compareNames(fs: Fs, path: string, tree: Tree): Promise<void> {
  const { files } = await walkTree({
    dir: join(path, "files"),
    fs,
    limits: { filesMax: tree.files.length + 10_000, depthMax: 512 },
  });
  const there = new Map(files.map((file) => [file.path, file]));
  for (const { path: name, size } of tree.files) {
    const file = there.get(name);
    // A link could be changed to lead elsewhere after this look: a twin has none.
    if (!file || file.size !== size || file.real !== join(await fs.realpath(path), "files", name))
      throw corrupt(path, `${name} is not there as a file of ${size} bytes`);
  }
}

async function verifyOne(fs: Fs, path: string, file: TreeFile, pace: Pace): Promise<void> {
  const handle = await fs.open(path, "r");
  try {
    await verifyFile(handle, file, chunkBuffer(file.size), (problem) => corrupt(path, problem), pace);
  } finally {
    await handle.close();
  }
}

function twinSource(fs: Fs, path: string, tree: Tree, modes: ReadonlyMap<string, number>): Source {
  const placeOf = (file: TreeFile) => join(path, "files", file.path);
  return {
    tree,
    async readChunk(file, chunk, buffer) {
      const digest = file.chunks[chunk];
      assert(digest !== undefined, "a chunk of the tree");
      const handle = await ifThere(fs.open(placeOf(file), "r"));
      if (!handle) throw corrupt(path, `${file.path} is gone`);
      try {
        const bytes = await readChunk(handle, buffer, chunk);
        if (!bytes || (await sha256(bytes)) !== digest)
          throw corrupt(path, `chunk ${chunk} of ${file.path} has another digest`);
        return bytes;
      } finally {
        await handle.close();
      }
    },
    localPath: placeOf,
    modeOf: (name) => modes.get(name),
  };
}

const corrupt = (path: string, problem: string): Fault =>
  new Fault("snapshot-corrupt", `the copy ${path} does not verify: ${problem}`);
