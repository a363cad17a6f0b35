import { Fault } from "@locum/contracts";
import type { Fs, FsHandle, FsStat } from "../../fs.ts";
import { fsFault } from "../../fs-fault.ts";
import { type Stamp, stampOf } from "../../stamp.ts";
import type { ByteSource } from "../byte-source.ts";
import { isDenied, isGone } from "./walk-source.ts";

/** `changed`: another file, another size or time, or gone, since the look that the source was opened with. */
export type ReadOutcome = "held" | "changed" | "unreadable";
export type LiveSource = ByteSource & { stamp: Stamp; outcome(): ReadOutcome };
export type LiveFiles = { open(path: string, stat: FsStat): LiveSource; close(): Promise<void> };

/**
 * Sources of files that others may write to: bytes come out only while the file is the one that was looked at, before
 * and after each reading. What is not throws the fault tree-changed and says why in `outcome`. The file that was read
 * last stays open, and no other: a tree has more files than a process may hold open, and a file as many readings as
 * it has mebibytes.
 */
export function liveFiles(fs: Fs): LiveFiles {
  let last: { owner: object; handle: FsHandle } | undefined;
  let line: Promise<unknown> = Promise.resolve();

  const close = async (): Promise<void> => {
    const { handle } = last ?? {};
    last = undefined;
    await handle?.close().catch(() => {});
  };

  async function handleOf(owner: object, path: string): Promise<FsHandle> {
    if (last?.owner === owner) return last.handle;
    await close();
    // A pipe that took the file's place would hold the call until somebody writes to it.
    if ((await fs.lstat(path)).kind !== "file") throw Object.assign(new Error(path), { code: "ENOENT" });
    last = { owner, handle: await fs.open(path, "r") };
    return last.handle;
  }

  /** One reading at a time, so that a handle is never closed under another. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = line.then(work);
    line = turn.catch(() => {});
    return turn;
  }

  function open(path: string, stat: FsStat): LiveSource {
    const stamp = stampOf(stat);
    let outcome: ReadOutcome = "held";
    const fill = async (position: number, target: Uint8Array): Promise<void> => {
      const handle = await handleOf(source, path);
      const isHeld = async () => stampOf(await handle.stat()) === stamp;
      if (!(await isHeld()) || (await handle.read(target, position)) !== target.length || !(await isHeld()))
        throw Object.assign(new Error(path), { code: "ENOENT" });
    };
    const readInto = (position: number, target: Uint8Array): Promise<void> =>
      inTurn(async () => {
        try {
          await fill(position, target);
        } catch (error) {
          if (isGone(error)) outcome = "changed";
          else if (isDenied(error)) outcome = "unreadable";
          else throw fsFault(error, `reading ${path}`);
          await close();
          throw new Fault("tree-changed", `${path} is ${outcome}`, { cause: error });
        }
      });
    const source: LiveSource = {
      stamp,
      size: stat.size,
      outcome: () => outcome,
      readInto,
      async read(position, length) {
        const bytes = new Uint8Array(length);
        await readInto(position, bytes);
        return bytes;
      },
    };
    return source;
  }

  return { open, close: () => inTurn(close) };
}
