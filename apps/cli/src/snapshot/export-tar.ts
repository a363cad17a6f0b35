import { randomBytes } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "@locum/contracts";
import type { ManifestBody } from "@locum/snapshot/repository";
import { checked, type Read } from "./export-tree.ts";
import { storageFault } from "./storage-fault.ts";
import { blockBytes, padding, tarHeader } from "./tar-header.ts";

/**
 * A snapshot as a tar archive, in the order of its paths: the same snapshot gives the same bytes. Whole or not there.
 * @throws Fault conflict: there is a file of that name · snapshot-corrupt · disk-full · storage-failed
 */
export async function exportTar(entries: ManifestBody["files"], target: string, read: Read): Promise<void> {
  const draft = `${target}.${randomBytes(6).toString("hex")}.partial`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await using handle = await open(draft, "wx", 0o600);
    for (const entry of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
      if (entry.kind === "file") {
        await handle.write(tarHeader({ ...entry, mtimeNs: BigInt(entry.mtimeNs) }));
        for await (const bytes of checked(entry, read)) await handle.write(bytes);
        await handle.write(padding(entry.size));
      } else {
        const more = entry.kind === "link" ? { mode: 0o777, target: entry.target } : { mode: entry.mode };
        await handle.write(tarHeader({ path: entry.path, kind: entry.kind, mtimeNs: 0n, size: 0, ...more }));
      }
    }
    await handle.write(new Uint8Array(2 * blockBytes));
    await handle.sync();
    await link(draft, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new Fault("conflict", `${target} is there already`, { hint: "Nothing is ever written over." });
    throw storageFault(error, `writing ${target}`);
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
}
