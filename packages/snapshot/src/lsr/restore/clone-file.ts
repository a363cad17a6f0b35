import type { Fs } from "../../fs.ts";
import { errnoOf, ifThere } from "../../fs-fault.ts";

/**
 * A copy that shares its blocks with the source, where the file system can do that: no time and no space for what is
 * right already. Says whether there is one; its bytes prove nothing yet.
 */
export async function cloneFile(fs: Fs, source: string, target: string): Promise<boolean> {
  try {
    const real = await fs.realpath(source);
    if ((await fs.lstat(real)).kind !== "file") return false;
    await fs.reflink(real, target);
    return true;
  } catch (error) {
    // Whatever the system says, the bytes can be copied instead.
    if (errnoOf(error) === undefined) throw error;
    await ifThere(fs.unlink(target));
    return false;
  }
}
