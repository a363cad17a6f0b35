import { join } from "node:path";
import { removeTree } from "./durable.ts";
import type { Fs } from "./fs.ts";

/** Removes the oldest twins beyond `keep`. Pinned digests stay whatever their number. */
export async function pruneTwins({
  fs,
  twinRoot,
  keep,
  pinned,
}: {
  fs: Fs;
  twinRoot: string;
  keep: number;
  pinned: readonly string[];
}): Promise<void> {
  const held = new Set(pinned.map((digest) => digest.slice(7)));
  const twins: { name: string; ctimeNs: bigint }[] = [];
  for (const name of await fs.readdir(twinRoot))
    if (/^[0-9a-f]{64}$/.test(name))
      twins.push({ name, ctimeNs: (await fs.lstat(join(twinRoot, name))).ctimeNs });
  twins.sort((a, b) => (a.ctimeNs < b.ctimeNs ? 1 : -1));
  const kept = new Set(
    twins.filter(({ name }, rank) => rank < keep || held.has(name)).map(({ name }) => name),
  );
  for (const { name } of twins) {
    if (kept.has(name)) continue;
    // The name goes first: half a twin must not look like one, whatever stops the removal.
    const doomed = join(twinRoot, `draft-${name}`);
    await removeTree(fs, doomed);
    await fs.rename(join(twinRoot, name), doomed);
    await removeTree(fs, doomed);
  }
}
