import { constants, promises } from "node:fs";
import type { FileHandle } from "node:fs/promises";

export type FsStat = {
  kind: "file" | "dir" | "link" | "other";
  dev: bigint;
  ino: bigint;
  size: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  mode: number;
  uid: number;
  gid: number;
};

export type FsHandle = {
  /** Reads up to `buffer.length` bytes at `position`; fewer only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  stat(): Promise<FsStat>;
  sync(): Promise<void>;
  close(): Promise<void>;
};

/**
 * The part of a file system that snapshots and restores use, so that a test can stop, tear or fill it at every
 * call. Errors are those of Node (`error.code` is the errno's name). Nothing here is retried or buffered.
 */
export type Fs = {
  open(path: string, flags: "r" | "r+" | "wx", mode?: number): Promise<FsHandle>;
  lstat(path: string): Promise<FsStat>;
  readdir(path: string): Promise<string[]>;
  readlink(path: string): Promise<string>;
  realpath(path: string): Promise<string>;
  /** Not recursive: EEXIST when it is there. */
  mkdir(path: string, mode?: number): Promise<void>;
  rename(source: string, target: string): Promise<void>;
  /** Fails with EEXIST, never replaces: the one way to put a file in place without overwriting another's. */
  link(source: string, target: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Sets the time of the last change, and that of the last access to the same; Node rounds it to about 0.2 µs. */
  setMtime(path: string, mtimeNs: bigint): Promise<void>;
  /** Shares blocks with the source by copy on write; fails (ENOTSUP, EXDEV, EINVAL) where that is not possible. */
  reflink(source: string, target: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDir(path: string): Promise<void>;
  freeBytes(path: string): Promise<number>;
};

export const nodeFs: Fs = {
  open: async (path, flags, mode) => handleOf(await promises.open(path, flags, mode)),
  lstat: async (path) => statOf(await promises.lstat(path, { bigint: true })),
  readdir: (path) => promises.readdir(path),
  readlink: (path) => promises.readlink(path),
  realpath: (path) => promises.realpath(path),
  mkdir: async (path, mode) => void (await promises.mkdir(path, mode === undefined ? {} : { mode })),
  rename: promises.rename,
  link: promises.link,
  symlink: (target, path) => promises.symlink(target, path),
  unlink: promises.unlink,
  rmdir: (path) => promises.rmdir(path),
  chmod: promises.chmod,
  chown: promises.chown,
  setMtime: (path, mtimeNs) => promises.utimes(path, Number(mtimeNs) / 1e9, Number(mtimeNs) / 1e9),
  reflink: (source, target) =>
    promises.copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE),
  async syncDir(path) {
    // Windows cannot open a directory for this, and NTFS journals names by itself.
    if (process.platform === "win32") return;
    const handle = await promises.open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async freeBytes(path) {
    const { bavail, bsize } = await promises.statfs(path);
    return bavail * bsize;
  },
};

function handleOf(file: FileHandle): FsHandle {
  return {
    async read(buffer, position) {
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    async write(bytes, position) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    },
    stat: async () => statOf(await file.stat({ bigint: true })),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

function statOf(stat: Awaited<ReturnType<typeof lstatBig>>): FsStat {
  return {
    kind: stat.isFile() ? "file" : stat.isDirectory() ? "dir" : stat.isSymbolicLink() ? "link" : "other",
    dev: stat.dev,
    ino: stat.ino,
    size: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  };
}

const lstatBig = (path: string) => promises.lstat(path, { bigint: true });
