import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { changedBytes } from "./changed-bytes.ts";
import type { DataSet } from "./data-sets.ts";
import type { Measurement } from "./row.ts";
import { assertSameTrees, bytesIn } from "./same-trees.ts";
import type { Ran, Tool } from "./tools.ts";

type Version = { name: string; folder: string; older?: string };

/**
 * A set through a tool: its first version into an empty repository, each later one into the same, every one of them
 * restored and compared. Where another tool here stores a first version alike, that one is only prepared.
 */
export async function measureSet(
  tool: Tool,
  { later = [], ...first }: DataSet,
  { work, withFirst }: { work: string; withFirst: boolean },
): Promise<Measurement[]> {
  if (tool.takes?.(first.name) === false) return [];
  const isFirstOfInterest = withFirst || tool.isLikeFirst === undefined;
  if (!isFirstOfInterest && later.length === 0) return [];
  const versions: Version[] = [{ name: first.name, folder: first.folder }];
  if (tool.keepsVersions)
    for (const version of later) versions.push({ ...version, older: versions.at(-1)?.folder ?? "" });
  const repository = join(work, "repository");
  const measurements: Measurement[] = [];
  let allBytes = 0;
  await mkdir(work, { recursive: true });
  try {
    await tool.prepare(repository);
    for (const version of versions) {
      allBytes += await bytesIn(version.folder);
      if (version.older === undefined && !isFirstOfInterest) await tool.backup(repository, version.folder);
      else measurements.push(await measureVersion(tool, version, { work, repository, allBytes }));
    }
    return measurements;
  } finally {
    await rm(work, { recursive: true });
  }
}

async function measureVersion(
  tool: Tool,
  { name, folder, older }: Version,
  { work, repository, allBytes }: { work: string; repository: string; allBytes: number },
): Promise<Measurement> {
  const before = existsSync(repository) ? await bytesIn(repository) : 0;
  const backup = await tool.backup(repository, folder, older);
  const after = await bytesIn(repository);
  const target = join(work, "target");
  await mkdir(target);
  const { restored, ...restore } = await tool.restore(repository, target, folder);
  await assertSameTrees(folder, restored);
  await rm(target, { recursive: true });
  const bytes = await bytesIn(folder);
  const rate = ({ seconds }: Ran) => bytes / 1e6 / seconds;
  return {
    row: {
      tool: tool.name,
      case: name,
      storedRatio: after / allBytes,
      addedRatio: (after - before) / bytes,
      backupMBps: rate(backup),
      restoreMBps: rate(restore),
      cpuSeconds: backup.cpuSeconds + restore.cpuSeconds,
      peakMemoryMB: Math.max(backup.peakMemoryMB, restore.peakMemoryMB),
    },
    detail: {
      tool: tool.name,
      case: name,
      bytes,
      addedBytes: after - before,
      newChunks: backup.newChunks ?? null,
      changedBytes: older === undefined ? null : await changedBytes(older, folder),
      loopMsP99: backup.loopMs?.p99 ?? null,
      loopMsMax: backup.loopMs?.max ?? null,
    },
  };
}
