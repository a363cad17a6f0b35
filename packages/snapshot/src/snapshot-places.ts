import { basename, dirname, join, resolve } from "node:path";
import { type Fs, nodeFs } from "./fs.ts";
import { errnoOf, ifThere } from "./fs-fault.ts";

export type Places = { twinRoot: string; journalDir: string; displacedDir: string };

/**
 * Where the copies of one model directory are kept: dot folders, so that no server scans them, on the same file
 * system, so that a restore is a rename. Beside the directory where that is possible, else inside it (the parent is
 * read-only or another device, as with a volume mounted at the directory). What is there already decides, so that
 * the answer is the same after a restart.
 */
export async function snapshotPlaces({ dir, fs = nodeFs }: { dir: string; fs?: Fs }): Promise<Places> {
  const beside = placesBeside(resolve(dir));
  const inside = placesInside(resolve(dir));
  if (await ifThere(fs.lstat(beside.twinRoot))) return beside;
  if (await ifThere(fs.lstat(inside.twinRoot))) return inside;
  return (await canKeepBeside(fs, resolve(dir))) ? beside : inside;
}

const placesBeside = (dir: string): Places => {
  const place = (what: string) => join(dirname(dir), `.locum-${what}-${basename(dir)}`);
  return { twinRoot: place("twin"), journalDir: place("journal"), displacedDir: place("displaced") };
};

const placesInside = (dir: string): Places => ({
  twinRoot: join(dir, ".locum", "twins"),
  journalDir: join(dir, ".locum", "journal"),
  displacedDir: join(dir, ".locum", "displaced"),
});

async function canKeepBeside(fs: Fs, dir: string): Promise<boolean> {
  const parent = await fs.lstat(await fs.realpath(dirname(dir)));
  const real = await ifThere(fs.realpath(dir));
  if (real !== undefined && (await fs.lstat(real)).dev !== parent.dev) return false;
  return canMakeIn(fs, dirname(dir));
}

/** Whether files can be made and renamed in a folder: asked by doing, since modes do not tell (root, ACLs, read-only mounts). */
export async function canMakeIn(fs: Fs, dir: string): Promise<boolean> {
  const probe = join(dir, ".locum-probe");
  try {
    await ifThere(fs.rmdir(probe));
    await fs.mkdir(probe, 0o700);
    await ifThere(fs.rmdir(probe));
    return true;
  } catch (error) {
    // Two directories of one parent are asked about at once: that the other's probe is there answers it too.
    if (errnoOf(error) === "EEXIST") return true;
    if (["EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "")) return false;
    throw error;
  }
}
