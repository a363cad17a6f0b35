import { Fault, type TreeFile } from "@locum/contracts";
import { copyVerified, verifyFile } from "./copy-verified.ts";
import { makeDirs } from "./durable.ts";
import type { Fs, FsStat } from "./fs.ts";
import { errnoOf, ifThere } from "./fs-fault.ts";
import { chunkBuffer, readChunk, sha256 } from "./hash-file.ts";
import type { Pace } from "./pace.ts";
import type { Plan } from "./plan-restore.ts";
import type { Step } from "./restore-journal.ts";
import { clonePath, clonesDir, clonesHome, livePath, type Site } from "./restore-site.ts";
import type { Source } from "./source.ts";
import { placedStampOf } from "./stamp.ts";

/**
 * Puts verified, durable copies of all wanted files beside the live ones, before the first of those is touched: the
 * time that this takes grows with the bytes, the swap that follows only with the number of names. The source stays
 * as it is. Gives the steps with the stamps of their clones.
 */
export async function makeClones(
  site: Site,
  id: string,
  {
    plan,
    source,
    pace,
    signal,
  }: { plan: Plan; source: Source; pace: Pace; signal?: AbortSignal | undefined },
): Promise<Step[]> {
  const { fs } = site;
  const steps: Step[] = [];
  for (const step of plan.steps) {
    const file = step.want && plan.files[Number(step.want.clone)];
    if (!step.want || !file) {
      steps.push(step);
      continue;
    }
    const to = clonePath(site, id, step.want.clone);
    const old = await ifThere(fs.lstat(livePath(site, step)));
    const mode = source.modeOf?.(file.path) ?? (old?.kind === "file" ? old.mode : 0o644);
    await cloneFile(site, { file, step, source, to, mode, pace, signal });
    if (old?.kind === "file") await keepOwner(fs, to, old);
    steps.push({ ...step, want: { ...step.want, stamp: placedStampOf(await fs.lstat(to)) } });
  }
  await fs.syncDir(clonesDir(site, id));
  return steps;
}

/** @throws Fault conflict: another restore has its clones there. */
export async function claimClones(site: Site, id: string): Promise<void> {
  await makeDirs(site.fs, clonesHome(site), 0o700);
  try {
    await site.fs.mkdir(clonesDir(site, id), 0o700);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    throw new Fault("conflict", `another restore of ${site.root} is open`);
  }
  await site.fs.syncDir(clonesHome(site));
}

async function cloneFile(
  site: Site,
  {
    file,
    step,
    source,
    to,
    mode,
    pace,
    signal,
  }: {
    file: TreeFile;
    step: Step;
    source: Source;
    to: string;
    mode: number;
    pace: Pace;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const local = source.localPath?.(file);
  if (local !== undefined && (await reflinkVerified(site.fs, { file, local, to, mode }))) return;
  const read: Source["readChunk"] = async (_, chunk, buffer) => {
    try {
      return await source.readChunk(file, chunk, buffer);
    } catch (error) {
      // One bad chunk in the copy need not matter: the damage in the live file is usually elsewhere.
      const bytes = await goodLiveChunk(site, step, file, chunk, buffer);
      if (bytes) return bytes;
      throw error;
    }
  };
  await copyVerified(site.fs, {
    file,
    read: (chunk, buffer) => read(file, chunk, buffer),
    to,
    mode,
    pace,
    signal,
  });
}

/** Copy on write costs no time and no space; where the file system cannot, or the bytes are not right, says false. */
async function reflinkVerified(
  fs: Fs,
  { file, local, to, mode }: { file: TreeFile; local: string; to: string; mode: number },
): Promise<boolean> {
  try {
    await fs.reflink(local, to);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    await ifThere(fs.unlink(to));
    return false;
  }
  await fs.chmod(to, mode | 0o600);
  const handle = await fs.open(to, "r");
  try {
    await handle.sync();
    await verifyFile(
      handle,
      file,
      chunkBuffer(file.size),
      (problem) => new Fault("snapshot-corrupt", problem),
    );
    await fs.chmod(to, mode);
    return true;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    await fs.unlink(to);
    return false;
  } finally {
    await handle.close();
  }
}

async function goodLiveChunk(
  site: Site,
  step: Step,
  file: TreeFile,
  chunk: number,
  buffer: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (step.old?.kind !== "file") return undefined;
  const handle = await ifThere(site.fs.open(livePath(site, step), "r"));
  if (!handle) return undefined;
  try {
    const bytes = await readChunk(handle, buffer, chunk);
    return bytes && (await sha256(bytes)) === file.chunks[chunk] ? bytes : undefined;
  } finally {
    await handle.close();
  }
}

/** The server reads its files as another user: who owned the old file owns the new one. Only root can give files away. */
async function keepOwner(fs: Fs, to: string, { uid, gid }: FsStat): Promise<void> {
  const now = await fs.lstat(to);
  if (now.uid === uid && now.gid === gid) return;
  try {
    await fs.chown(to, uid, gid);
  } catch (error) {
    if (errnoOf(error) !== "EPERM") throw error;
  }
}
