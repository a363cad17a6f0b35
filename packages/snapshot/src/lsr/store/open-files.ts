import type { Fs, FsHandle } from "../../fs.ts";

/** Files that stay open between reads: opening and closing one took as long as a tenth of a whole restore. */
export type OpenFiles = {
  /** What opening throws, and what `read` does. */
  use<T>(path: string, read: (handle: FsHandle) => Promise<T>): Promise<T>;
  /** It is another file from now on, or none. */
  forget(path: string): void;
};

type OpenFile = { opening: Promise<FsHandle>; users: number; isKept: boolean };

/** A restore reads from few packs at a time. */
const keptMax = 8;
/** A file that was removed or exchanged by another process is held no longer than this, unless it is read all the time. */
const idleMs = 200;

export function createOpenFiles(fs: Fs): OpenFiles {
  /** In the order of their last use. */
  const kept = new Map<string, OpenFile>();
  let isWatched = false;

  function close(path: string, file: OpenFile): void {
    file.isKept = false;
    if (kept.get(path) === file) kept.delete(path);
    if (file.users === 0) void file.opening.then((handle) => handle.close()).catch(() => {});
  }

  function closeIdle(): void {
    isWatched = false;
    for (const [path, file] of kept) if (file.users === 0) close(path, file);
    if (kept.size > 0) watch();
  }

  /** Keeps no process alive, which ends with its files anyway. */
  function watch(): void {
    if (isWatched) return;
    isWatched = true;
    setTimeout(closeIdle, idleMs).unref();
  }

  function take(path: string): OpenFile {
    const file = kept.get(path) ?? { opening: fs.open(path, "r"), users: 0, isKept: true };
    file.users++;
    kept.delete(path);
    kept.set(path, file);
    const [oldest] = kept;
    if (kept.size > keptMax && oldest) close(...oldest);
    watch();
    return file;
  }

  return {
    async use(path, read) {
      const file = take(path);
      const handle = await file.opening.catch((error: unknown) => {
        close(path, file);
        throw error;
      });
      try {
        return await read(handle);
      } finally {
        file.users--;
        if (!file.isKept) close(path, file);
      }
    },
    forget(path) {
      const file = kept.get(path);
      if (file) close(path, file);
    },
  };
}
