import { type Clock, systemClock } from "../../clock.ts";
import { type Fs, nodeFs } from "../../fs.ts";
import { withFsFaults } from "../../fs-fault.ts";
import type { Ignore } from "../../ignore.ts";
import { stampOf } from "../../stamp.ts";
import type { WalkLimits } from "../../walk-tree.ts";
import type { SnapshotFile } from "../write-snapshot.ts";
import type { Capture, Settled } from "./capture.ts";
import { type Left, tears } from "./left.ts";
import { type LiveSource, liveFiles } from "./live-source.ts";
import { type FoundFile, type SourceWalk, walkSource } from "./walk-source.ts";

export type CaptureTreeOptions = {
  /** A folder, or one file. */
  root: string;
  /** Before every path in the manifest. */
  prefix?: string;
  ignore?: Ignore;
  fs?: Fs;
  limits?: WalkLimits;
  wallMs?: () => number;
  sleep?: Clock["sleep"];
};

/** A file that changes while it is read is read again this often; then the snapshot is torn. */
const rereadsMax = 3;
/** Kernels stamp a file by their tick (4 ms where it is longest): two writes within one look like one. */
const tickMs = 20;
/** New files that never stop coming end in a torn snapshot, not in an endless one. */
const roundsMax = 8;

/**
 * A tree for `writeSnapshot`, read while others may write to it. A file counts only as the bytes between two equal
 * looks at its device, inode, size and times, and the tree only as a walk after the last reading finds it: what changed
 * or came meanwhile is read again. So what is not torn was there, all of it, at one moment.
 * @throws Fault refused: more than the limits · storage-failed
 */
export async function captureTree({
  fs = nodeFs,
  wallMs = Date.now,
  sleep = systemClock.sleep,
  ...options
}: CaptureTreeOptions): Promise<Capture> {
  const look = async (): Promise<SourceWalk> => {
    const walk = await withFsFaults(`reading ${options.root}`, () => walkSource({ fs, ...options }));
    // A file of this very tick is read after it: whoever writes on gives it another stamp then.
    if (walk.files.some(({ stat }) => Number(stat.ctimeNs / 1_000_000n) > wallMs() - tickMs))
      await sleep(tickMs);
    return walk;
  };
  const handles = liveFiles(fs);
  const sources = new Map<string, LiveSource>();
  const rereads = new Map<string, number>();
  let rounds = 0;

  const fileOf = ({ path, real, stat }: FoundFile): SnapshotFile => {
    const source = handles.open(real, stat);
    sources.set(path, source);
    return { path, mode: stat.mode, mtimeNs: stat.mtimeNs, source };
  };

  async function settle(): Promise<{ again: SnapshotFile[] } | Settled> {
    const { files, others, left } = await look();
    const whole = new Set<string>();
    const again: FoundFile[] = [];
    const lost: Left[] = [];
    for (const file of files) {
      const { path, stat } = file;
      const source = sources.get(path);
      const outcome = source?.outcome();
      const isSame = source?.stamp === stampOf(stat);
      if (isSame && outcome === "held") whole.add(path);
      else if (isSame && outcome === "unreadable") lost.push({ path, reason: "unreadable" });
      else if (rounds < roundsMax && (rereads.get(path) ?? 0) < rereadsMax) again.push(file);
      else lost.push({ path, reason: "unsettled" });
    }
    if (again.length > 0) {
      rounds++;
      for (const { path } of again) rereads.set(path, (rereads.get(path) ?? 0) + 1);
      return { again: again.map(fileOf) };
    }
    await handles.close();
    const all = [...left, ...lost];
    return { again: [], whole, others, left: all, torn: all.some(tears) };
  }

  const { files } = await look();
  return { files: files.map(fileOf), settle, close: handles.close };
}
