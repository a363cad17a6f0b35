import { fstatSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "@locum/contracts";

export type AppendFile = {
  size(): Promise<number>;
  /** Writes all of `bytes` at the end; after an error any part of them may be there. */
  append(bytes: Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Makes what was appended durable, the new length included. */
  sync(): Promise<void>;
  close(): Promise<void>;
};

export type ReadFile = {
  /** Reads up to `buffer.length` bytes at `position`; 0 only at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
};

/** The part of a file system that logs use, so that a test can fill, tear or stop it at every call. */
export type LogFs = {
  /** The names in a folder, which is made if it is not there. */
  list(folder: string): Promise<string[]>;
  /** Opens for appending; a new file's name is durable when this resolves. */
  openAppend(path: string): Promise<AppendFile>;
  openRead(path: string): Promise<ReadFile>;
  remove(path: string): Promise<void>;
  /** The text of a small file, or undefined where there is none. */
  readSmall(path: string): Promise<string | undefined>;
  /** Replaces a small file durably: after a crash it holds the old text or the new one. */
  replace(path: string, text: string): Promise<void>;
  /** The bytes of a small file, or undefined where there is none. */
  readBytes(path: string): Promise<Buffer | undefined>;
  /**
   * Puts a file in place, whole while the machine stands, with the folders that it needs. Not durable: only for what
   * can be made again.
   */
  write(path: string, bytes: Uint8Array): Promise<void>;
};

export const nodeLogFs: LogFs = {
  async list(folder) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return readdir(folder);
  },
  async openAppend(path) {
    const file = await open(path, "a", 0o600);
    await syncFolder(dirname(path));
    return {
      // Asked before every write: a turn of the thread pool would cost more than the answer.
      size: async () => fstatSync(file.fd).size,
      append: (bytes) => file.writeFile(bytes),
      truncate: (length) => file.truncate(length),
      sync: () => file.datasync(),
      close: () => file.close(),
    };
  },
  async openRead(path) {
    const file = await open(path, "r");
    return {
      read: async (buffer, position) => (await file.read(buffer, 0, buffer.length, position)).bytesRead,
      close: () => file.close(),
    };
  },
  remove: (path) => rm(path, { force: true }),
  readSmall: async (path) => (await readIfThere(path))?.toString("utf8"),
  readBytes: (path) => readIfThere(path),
  async write(path, bytes) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, bytes, { mode: 0o600 });
    await rename(`${path}.new`, path);
  },
  async replace(path, text) {
    const draft = `${path}.new`;
    await rm(draft, { force: true });
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  },
};

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a directory for this, and NTFS journals names by itself.
  if (process.platform === "win32") return;
  await using handle = await open(folder, "r");
  await handle.sync();
}

/** Errors of the system as faults; anything else passes. */
export function storageFault(what: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (error instanceof Fault || typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new Fault(isFull ? "disk-full" : "storage-failed", `${what}: ${(error as Error).message}`, {
    cause: error,
  });
}
