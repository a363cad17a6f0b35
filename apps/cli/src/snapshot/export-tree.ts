import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, open, readdir, rename, rm, symlink, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Fault } from "@locum/contracts";
import type { ManifestBody, ManifestFile } from "@locum/snapshot/repository";
import { storageFault } from "./storage-fault.ts";

/** The bytes of a file; the caller compares nothing, whoever writes them does. */
export type Read = (file: ManifestFile) => AsyncIterable<Uint8Array>;

/**
 * A snapshot as a plain folder: beside the target first, each file against the SHA-256 of its manifest, then renamed. So the target is
 * whole or not there. Folders' modes come last, since one may be read-only.
 * @throws Fault conflict: the target is there and not empty · snapshot-corrupt · disk-full · storage-failed
 */
export async function exportTree(entries: ManifestBody["files"], target: string, read: Read): Promise<void> {
  await refuseUsed(target);
  await inDraft(target, async (draft) => {
    for (const entry of entries)
      if (entry.kind === "dir") await mkdir(join(draft, entry.path), { recursive: true });
    for (const entry of entries) if (entry.kind === "file") await writeFile(draft, entry, read);
    for (const entry of entries)
      if (entry.kind === "link") {
        await mkdir(dirname(join(draft, entry.path)), { recursive: true });
        await symlink(entry.target, join(draft, entry.path));
      }
    const dirs = entries.flatMap((entry) => (entry.kind === "dir" ? [entry] : []));
    for (const { path, mode } of dirs.toReversed()) await chmod(join(draft, path), mode & 0o777);
  });
}

/** Works in a folder beside the target, and gives it the target's name when all is done. */
export async function inDraft(target: string, work: (draft: string) => Promise<void>): Promise<void> {
  const draft = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.partial`);
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 });
    await work(draft);
    await chmod(draft, 0o755);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true }).catch(() => {});
    throw storageFault(error, `writing ${target}`);
  }
}

/** @throws Fault conflict */
export async function refuseUsed(target: string): Promise<void> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new Fault("conflict", `${target} is there and no empty folder`);
  });
  if (names.length > 0)
    throw new Fault("conflict", `${target} is not empty`, {
      hint: "Name a folder that is not there: nothing is ever written over.",
    });
}

async function writeFile(draft: string, file: ManifestFile, read: Read): Promise<void> {
  const path = join(draft, file.path);
  await mkdir(dirname(path), { recursive: true });
  await using handle = await open(path, "wx", 0o600);
  for await (const bytes of checked(file, read)) await handle.write(bytes);
  await handle.chmod(file.mode & 0o777);
  await handle.sync();
  const seconds = Number(BigInt(file.mtimeNs) / 1000n) / 1e6;
  await utimes(path, seconds, seconds);
}

/** The file's bytes; ends with a fault where they are not those of the manifest. Without a SHA-256 its chunks' ids say that. */
export async function* checked(file: ManifestFile, read: Read): AsyncGenerator<Uint8Array> {
  if (file.sha256 === undefined) return yield* read(file);
  const digest = createHash("sha256");
  for await (const bytes of read(file)) {
    digest.update(bytes);
    yield bytes;
  }
  if (digest.digest("hex") !== file.sha256)
    throw new Fault("snapshot-corrupt", `${file.path} does not have the SHA-256 of its manifest`);
}
