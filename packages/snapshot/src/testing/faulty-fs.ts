import type { Fs, FsHandle } from "../fs.ts";

/** The process is gone: no errno, so that nothing handles it. */
export class Crash extends Error {}

export type FaultKind = "crash-before" | "crash-after" | "torn" | "ENOSPC" | "EIO";

/**
 * The same file system with one fault at call number `at` (from 0). After a crash every further call fails: a dead
 * process cleans nothing up. A full disk stays full; EIO strikes once.
 */
export function faultyFs(
  inner: Fs,
  { at, kind }: { at: number; kind: FaultKind },
): { fs: Fs; calls(): number } {
  let calls = 0;
  let isDead = false;
  let isFull = false;

  async function strike<R>(name: string, call: () => Promise<R>, tear?: () => Promise<unknown>): Promise<R> {
    const isNow = calls++ === at;
    if (isDead) throw new Crash();
    if (isNow && kind === "ENOSPC") isFull = true;
    if (isFull && growing.has(name))
      throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    if (isNow && kind === "EIO") throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
    if (!isNow || kind === "ENOSPC") return call();
    isDead = true;
    if (kind === "crash-after") await call();
    if (kind === "torn") await tear?.();
    throw new Crash();
  }

  const wrapHandle = (handle: FsHandle): FsHandle => ({
    read: (...args) => strike("read", () => handle.read(...args)),
    write: (bytes, position) =>
      strike(
        "write",
        () => handle.write(bytes, position),
        () => handle.write(bytes.subarray(0, bytes.length >> 1), position),
      ),
    stat: () => strike("stat", () => handle.stat()),
    sync: () => strike("sync", () => handle.sync()),
    // Closing in a dead process is the system's work.
    close: () => handle.close(),
  });

  const fs = Object.fromEntries(
    Object.entries(inner).map(([name, call]) => [
      name,
      (...args: never[]) =>
        strike(growingName(name, args), async () => {
          const result = await (call as (...args: never[]) => Promise<unknown>)(...args);
          return name === "open" ? wrapHandle(result as FsHandle) : result;
        }),
    ]),
  ) as Fs;
  return { fs, calls: () => calls };
}

/** What needs a new block somewhere. */
const growing = new Set(["write", "create", "mkdir", "link", "symlink", "rename"]);

const growingName = (name: string, args: readonly unknown[]): string =>
  name === "open" && args[1] === "wx" ? "create" : name;
