import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@locum/runtime";

const lookMs = 30_000;
const filesMax = 10_000;

/**
 * Looks now and then at what belongs to a snapshot and is no file of the model: sizes and times of included files and
 * folders, and of databases that are files. Resolves when the signal aborts.
 */
export async function watchBeside(
  paths: readonly string[],
  { onChange, clock, signal }: { onChange: () => void; clock: Clock; signal: AbortSignal },
): Promise<void> {
  if (paths.length === 0) return;
  let seen = await stampsOf(paths);
  while (!signal.aborted) {
    await clock.sleep(lookMs, signal);
    if (signal.aborted) return;
    const found = await stampsOf(paths);
    if (found !== seen) onChange();
    seen = found;
  }
}

async function stampsOf(roots: readonly string[]): Promise<string> {
  const stamps: string[] = [];
  const waiting = [...roots];
  for (let path = waiting.shift(); path !== undefined && stamps.length < filesMax; path = waiting.shift()) {
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory()) {
      const names = await readdir(path).catch(() => []);
      for (const name of names.sort()) waiting.push(join(path, name));
    }
    stamps.push(`${path}:${found ? `${found.ino}:${found.size}:${found.mtimeMs}` : "absent"}`);
  }
  return stamps.join("\n");
}
