import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "@locum/runtime";

const filesMax = 256;
const fileBytesMax = 67_108_864;

/**
 * The JSON files in a service's folder of releases, where `locum golden record` and `locum approve` write. What each
 * one is worth is the caller's to verify; a file that cannot be read or parsed is named in the log and left out.
 */
export async function readReleases(folder: string, say: Log): Promise<unknown[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith(".json") && !name.startsWith(".")).sort();
  if (files.length > filesMax)
    say("warn", "too many releases: the newest names are read", { path: folder, count: files.length });
  const values: unknown[] = [];
  for (const name of files.slice(-filesMax)) {
    const file = join(folder, name);
    try {
      if ((await stat(file)).size > fileBytesMax) throw new Error(`larger than ${fileBytesMax} bytes`);
      values.push(JSON.parse(await readFile(file, "utf8")));
    } catch (error) {
      say("warn", "a release could not be read", { path: file, error });
    }
  }
  return values;
}
