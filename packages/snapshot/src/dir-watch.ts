import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";

export type DirWatch = {
  /** The directories that make up the tree now. */
  update(dirs: readonly string[]): void;
  count(): number;
  close(): void;
};
/** `onEvent` gets the path of what changed, or undefined where the system does not say. Events may be lost. */
export type DirWatcher = (options: { onEvent: (path: string | undefined) => void }) => DirWatch;

/** Beyond this the stat sweep alone must do: each directory costs an inotify watch of a shared, limited number. */
const dirsMax = 4096;

/**
 * Events of directories, never of files: a watch on a file goes deaf when the file is replaced by a rename, and a
 * recursive watch costs memory for each file. Where a directory cannot be watched, the sweep finds what happens.
 */
export const watchDirs: DirWatcher = ({ onEvent }) => {
  const watches = new Map<string, FSWatcher>();
  const drop = (dir: string) => {
    watches.get(dir)?.close();
    watches.delete(dir);
  };
  function add(dir: string): void {
    try {
      const watcher = watch(dir, { persistent: false }, (_, name) =>
        onEvent(name ? join(dir, name) : undefined),
      );
      watcher.on("error", () => drop(dir));
      watches.set(dir, watcher);
    } catch {
      // No watches left, or the directory went away meanwhile: the sweep is the truth.
    }
  }
  return {
    update(dirs) {
      const now = new Set(dirs.slice(0, dirsMax));
      for (const dir of watches.keys()) if (!now.has(dir)) drop(dir);
      for (const dir of now) if (!watches.has(dir)) add(dir);
    },
    count: () => watches.size,
    close: () => [...watches.keys()].forEach(drop),
  };
};
