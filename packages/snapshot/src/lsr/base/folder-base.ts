import { join } from "node:path";
import { type Fs, nodeFs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";
import { pathSource } from "../byte-source.ts";
import { type ModelFile, mapTensors } from "../chunk/map-tensors.ts";
import { readAt } from "../restore/scan-chunks.ts";
import type { SnapshotFile, SnapshotInput } from "../write-snapshot.ts";
import { alignPlaces } from "./align-places.ts";

export type Base = NonNullable<SnapshotInput["base"]>;

/**
 * An older version of `files` that this machine still has: its folder, or a twin. It needs no key, and is believed
 * nothing: what differs from what the repository has is used for no difference. Whoever writes there while a snapshot
 * is taken makes it fail, not wrong.
 */
export async function folderBase({
  root,
  files,
  fs = nodeFs,
}: {
  root: string;
  files: readonly SnapshotFile[];
  fs?: Fs;
}): Promise<Base> {
  const older: ModelFile[] = [];
  for (const { path } of files) {
    const source = await sourceOf(fs, join(root, path));
    if (source) older.push({ path, source });
  }
  const [before, now] = await Promise.all([tensorsIn(older), tensorsIn(files)]);
  const align = alignPlaces({ newer: now, older: before });
  return async (place) => {
    const { path, start, length } = align(place);
    return readAt(fs, join(root, path), start, length);
  };
}

async function sourceOf(fs: Fs, path: string) {
  const real = await ifThere(fs.realpath(path));
  if (real === undefined || (await ifThere(fs.lstat(real)))?.kind !== "file") return undefined;
  return pathSource(fs, real);
}

/** Of files that cannot be read none: they only cost differences. */
async function tensorsIn(files: readonly ModelFile[]) {
  const maps = await mapTensors(files).catch(() => undefined);
  return (path: string) => maps?.get(path)?.tensors;
}
