import type { AppendFile, LogFs, ReadFile } from "../log-fs.ts";
import { errno } from "./memory-log-fs.ts";

/** The process is gone: no errno, so that nothing handles it. */
export class Crash extends Error {}

export type FaultKind = "crash-before" | "crash-after" | "torn" | "ENOSPC" | "EIO";

/** What needs a new block somewhere. */
const growing = new Set(["append", "replace", "write", "openAppend"]);

/**
 * The same file system with one fault at call number `at` (from 0). After a crash every further call fails: a dead
 * process cleans nothing up. A full disk stays full; EIO strikes once.
 */
export function faultyLogFs(inner: LogFs, { at, kind }: { at: number; kind: FaultKind }) {
  let calls = 0;
  let isDead = false;
  let isFull = false;

  async function strike<R>(name: string, call: () => Promise<R>, tear?: () => Promise<unknown>): Promise<R> {
    const isNow = calls++ === at;
    if (isDead) throw new Crash();
    if (isNow && kind === "ENOSPC") isFull = true;
    if (isFull && growing.has(name)) {
      await tear?.();
      throw errno("ENOSPC");
    }
    if (isNow && kind === "EIO") throw errno("EIO");
    if (!isNow || kind === "ENOSPC") return call();
    isDead = true;
    if (kind === "crash-after") await call();
    if (kind === "torn") await tear?.();
    throw new Crash();
  }
  const half = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, bytes.length >> 1);

  const wrapAppend = (file: AppendFile): AppendFile => ({
    size: () => strike("size", () => file.size()),
    append: (bytes) =>
      strike(
        "append",
        () => file.append(bytes),
        () => file.append(half(bytes)),
      ),
    truncate: (length) => strike("truncate", () => file.truncate(length)),
    sync: () => strike("sync", () => file.sync()),
    // Closing in a dead process is the system's work.
    close: () => file.close(),
  });
  const wrapRead = (file: ReadFile): ReadFile => ({
    read: (buffer, position) => strike("read", () => file.read(buffer, position)),
    close: () => file.close(),
  });
  const fs: LogFs = {
    list: (folder) => strike("list", () => inner.list(folder)),
    openAppend: (path) => strike("openAppend", async () => wrapAppend(await inner.openAppend(path))),
    openRead: (path) => strike("openRead", async () => wrapRead(await inner.openRead(path))),
    remove: (path) => strike("remove", () => inner.remove(path)),
    readSmall: (path) => strike("readSmall", () => inner.readSmall(path)),
    replace: (path, text) => strike("replace", () => inner.replace(path, text)),
    readBytes: (path) => strike("readBytes", () => inner.readBytes(path)),
    write: (path, bytes) => strike("write", () => inner.write(path, bytes)),
  };
  return { fs, calls: () => calls };
}
