import { dirname, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere, withFsFaults } from "./fs-fault.ts";
import type { Ignore } from "./ignore.ts";
import { canMakeIn, type Places, snapshotPlaces } from "./snapshot-places.ts";
import { walkTree } from "./walk-tree.ts";

export type RestoreMethod = {
  method: "rename" | "versions-link" | "none";
  reason: string;
  places: Places;
};

/**
 * How the files of a directory can be put back, found out by trying (a dot folder is made and removed). Nothing is
 * read but names.
 */
export async function restoreMethod({
  dir,
  ignore,
  fs = nodeFs,
  mounts = linuxMounts,
}: {
  dir: string;
  ignore?: Ignore | undefined;
  fs?: Fs;
  /** Mount points of this machine; a file may be one too (a Kubernetes subPath). */
  mounts?: (fs: Fs) => Promise<string[]>;
}): Promise<RestoreMethod> {
  return withFsFaults(`looking at ${dir}`, async () => {
    const places = await snapshotPlaces({ dir, fs });
    const none = (reason: string): RestoreMethod => ({ method: "none", reason, places });
    const root = await ifThere(fs.realpath(dir));
    if (root === undefined) return none(`${dir} is not there`);
    if ((await fs.lstat(root)).kind !== "dir") return none(`${dir} is no directory`);
    const points = await mounts(fs);
    const below = points.find((point) => point.startsWith(`${root}/`));
    if (below) return none(`${below} is a mount point of its own: a rename cannot replace it`);
    try {
      await walkTree({ dir, fs, ignore });
    } catch (error) {
      if (error instanceof Fault) return none(error.message);
      throw error;
    }
    if ((await fs.lstat(dir)).kind === "link") {
      if ((await canMakeIn(fs, dirname(resolve(dir)))) && (await canMakeIn(fs, dirname(root))))
        return { method: "versions-link", reason: `a link to ${root}: switched as a whole`, places };
      return none(`${dir} is a link to ${root}, and a folder that would change is read-only`);
    }
    if (!(await canMakeIn(fs, root))) return none(`${dir} is read-only for this user or by its mount`);
    return {
      method: "rename",
      reason: points.includes(root)
        ? `a mount point: file by file, copies are kept inside (${places.twinRoot})`
        : `writable: file by file, copies are kept in ${places.twinRoot}`,
      places,
    };
  });
}

/** Mount points as Linux lists them (proc(5), mountinfo, field 5; octal escapes for blanks). None elsewhere. */
async function linuxMounts(fs: Fs): Promise<string[]> {
  const handle = await ifThere(fs.open("/proc/self/mountinfo", "r"));
  if (!handle) return [];
  try {
    // The kernel says 0 bytes for its size; 4 MiB are thousands of mounts.
    const buffer = new Uint8Array(4 * 1024 * 1024);
    const text = new TextDecoder().decode(buffer.subarray(0, await handle.read(buffer, 0)));
    return text
      .split("\n")
      .flatMap((line) => line.split(" ")[4] ?? [])
      .map((point) => point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8))));
  } finally {
    await handle.close();
  }
}
