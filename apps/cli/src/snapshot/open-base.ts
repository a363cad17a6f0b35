import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import {
  type Base,
  type Capture,
  folderBase,
  loadIndex,
  openChunks,
  type Repository,
  readSnapshot,
  snapshotBase,
} from "@locum/snapshot/repository";
import type { Access } from "./access-repository.ts";
import { findSnapshot } from "./find-snapshot.ts";
import { useKeyIfAny } from "./use-key.ts";

/** What new chunks are stored as differences against. `from` says what it is, to people. */
export type OpenBase = { read: Base; from: string };

/**
 * `--base` names the older version, `--base-dir` a folder that still has its files: a machine that cannot read the
 * repository needs one. Nothing that the folder holds is believed.
 * @throws Fault snapshot-missing · refused: a snapshot of another model · not-found: no such folder · not-authorised:
 *   neither a folder nor a key
 */
export async function openBase(
  { base, baseDir, model }: { base: string | undefined; baseDir: string | undefined; model: string },
  { access, repository, files }: { access: Access; repository: Repository; files: Capture["files"] },
): Promise<OpenBase | undefined> {
  const id = base === undefined ? undefined : await idOfBase(access, base, model);
  if (baseDir !== undefined) {
    const root = await filesIn(baseDir);
    return { read: await folderBase({ root, files }), from: root };
  }
  if (id === undefined) return undefined;
  const opener = await useKeyIfAny(access, repository, { verb: "create --base", snapshots: [id] });
  if (!opener)
    throw new Fault("not-authorised", `snapshot ${id} is sealed, and no private key is at hand`, {
      hint: "Name a folder that still has its files with --base-dir, or a recipient's private key with --key.",
    });
  const manifest = await readSnapshot(repository, id, { opener });
  const loaded = await loadIndex(repository, { for: "reader", repair: false });
  const chunks = openChunks({ repository, loaded, opener });
  return { read: await snapshotBase({ manifest: manifest.body, chunks, files }), from: `snapshot ${id}` };
}

async function idOfBase(access: Access, base: string, model: string): Promise<string> {
  const stub = await findSnapshot(access, base);
  if (stub.model === model) return stub.id;
  throw new Fault("refused", `snapshot ${stub.id} is of ${stub.model}, not of ${model}`);
}

/** A twin keeps the files in a folder of its own. */
async function filesIn(dir: string): Promise<string> {
  const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() ?? false;
  if (!(await isFolder(dir)))
    throw new Fault("not-found", `${dir} is no folder: no difference could be stored`, {
      hint: "--base-dir names an older version's folder or a twin; without it everything new is stored whole.",
    });
  const inside = join(dir, "files");
  return (await isFile(join(dir, "twin.json"))) && (await isFolder(inside)) ? inside : dir;
}
