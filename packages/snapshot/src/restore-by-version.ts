import { basename, dirname, join, relative } from "node:path";
import { Fault } from "@locum/contracts";
import { copyTree } from "./copy-tree.ts";
import { removeTree } from "./durable.ts";
import type { Fs } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";
import { judgeLive, refuseChange } from "./judge-live.ts";
import type { RestoreJob, RestoreResult } from "./restore.ts";
import { scanLive } from "./scan-tree.ts";
import { refuseFullDisk } from "./twin.ts";

const versionName = /^locum-[0-9a-f]{16}-\d{1,6}$/;

/**
 * The directory is a link (`current -> versions/<id>`): a new version is made beside the one that is served, then
 * the link is switched by one rename. There is no journal: a crash leaves the old link or the new one, and a draft
 * that the next restore removes. The version that was displaced stays where it is.
 */
export async function restoreByVersion(job: RestoreJob): Promise<RestoreResult> {
  const { dir, fs, target, ignore } = job;
  const before = await fs.readlink(dir);
  const served = await fs.realpath(dir);
  const judged = await judgeLive(job);
  const nothing = { restored: [], removed: [], displaced: null };
  if (judged.tree.digest === target.digest) return { method: "versions-link", live: judged, ...nothing };

  await refuseFullDisk(fs, dirname(served), target);
  job.onPhase?.("clone");
  const version = await makeVersion(job, dirname(served));
  await refuseChange(job, judged);
  if ((await fs.readlink(dir)) !== before) throw new Fault("tree-changed", `${dir} leads elsewhere now`);
  job.onPhase?.("swap");
  await switchLink(fs, dir, relative(await fs.realpath(dirname(dir)), version));
  job.onPhase?.("verify");
  const live = await scanLive({ dir, ignore, fs });
  if (live.tree.digest !== target.digest) {
    if ((await fs.realpath(dir)) === version) await switchLink(fs, dir, before);
    throw new Fault("tree-changed", `${dir} was written during the restore: it is ${live.tree.digest}`);
  }
  await pruneVersions(job, served, version);
  return {
    method: "versions-link",
    live,
    restored: target.files.map(({ path }) => path),
    removed: [],
    displaced: served,
  };
}

async function makeVersion(
  { fs, target, source, pace, signal }: RestoreJob,
  folder: string,
): Promise<string> {
  const draft = join(folder, ".locum-draft");
  await removeTree(fs, draft);
  try {
    await copyTree({
      fs,
      tree: target,
      to: draft,
      readerOf: (file) => (chunk, buffer) => source.readChunk(file, chunk, buffer),
      fileModeOf: (path) => source.modeOf?.(path) ?? 0o644,
      dirMode: 0o755,
      pace,
      signal,
    });
    // Never a name that was used: what lies there may be served, and may be what is wrong.
    for (let turn = 1; ; turn++) {
      const version = join(folder, `locum-${target.digest.slice(7, 23)}-${turn}`);
      if (await ifThere(fs.lstat(version))) continue;
      await fs.rename(draft, version);
      await fs.syncDir(folder);
      return version;
    }
  } catch (error) {
    await removeTree(fs, draft).catch(() => {});
    throw error;
  }
}

async function switchLink(fs: Fs, dir: string, to: string): Promise<void> {
  const draft = join(dirname(dir), `.locum-link-${basename(dir)}`);
  await ifThere(fs.unlink(draft));
  await fs.symlink(to, draft);
  await fs.rename(draft, dir);
  await fs.syncDir(dirname(dir));
}

/** Only versions that Locum made are its own to remove; of those the newest stay, and the two that matter now. */
async function pruneVersions(
  { fs, keepDisplaced }: RestoreJob,
  served: string,
  version: string,
): Promise<void> {
  const folder = dirname(version);
  const ours: { path: string; ctimeNs: bigint }[] = [];
  for (const name of await fs.readdir(folder))
    if (versionName.test(name))
      ours.push({ path: join(folder, name), ctimeNs: (await fs.lstat(join(folder, name))).ctimeNs });
  ours.sort((a, b) => (a.ctimeNs < b.ctimeNs ? 1 : -1));
  for (const { path } of ours.slice(keepDisplaced + 1))
    if (path !== served && path !== version) await removeTree(fs, path);
}
