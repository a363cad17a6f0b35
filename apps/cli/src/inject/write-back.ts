import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";

/**
 * Each file that changed, in its place and with its mode. Nothing is written where one of them came from standard input.
 * @throws Fault usage | disk-full | storage-failed
 */
export async function writeBack(
  files: readonly { name: string; before: string; after: string }[],
  { cwd }: { cwd: string },
): Promise<void> {
  if (files.some(({ name }) => name === "-"))
    throw new Fault("usage", "--in-place: expected files, found standard input");
  for (const { name, before, after } of files) {
    const path = resolve(cwd, name);
    if (after !== before) await writeFileAtomic(path, after, { mode: (await stat(path)).mode & 0o777 });
  }
}
