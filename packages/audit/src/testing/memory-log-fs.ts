import { basename, dirname } from "node:path";
import type { LogFs } from "../log-fs.ts";

/**
 * A file system in memory that keeps the port's promises and breaks on order: `fail` is asked before each call that
 * changes something, and `torn` bytes of an append stay although it failed. `crash` forgets what was not synced,
 * `cut` bytes of it apart.
 */
export function createMemoryLogFs() {
  const files = new Map<string, { bytes: Buffer; durable: number }>();
  const control = {
    fail: (_call: string, _path: string): NodeJS.ErrnoException | undefined => undefined,
    torn: 0,
    syncs: 0,
  };
  const act = (call: string, path: string): void => {
    const error = control.fail(call, path);
    if (error) throw error;
  };
  const there = (path: string) => {
    const file = files.get(path);
    if (!file) throw errno("ENOENT");
    return file;
  };
  const fs: LogFs = {
    list: async (folder) =>
      [...files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path)),
    async openAppend(path) {
      if (!files.has(path)) {
        act("create", path);
        files.set(path, { bytes: Buffer.alloc(0), durable: 0 });
      }
      return {
        size: async () => there(path).bytes.length,
        async append(bytes) {
          const file = there(path);
          const error = control.fail("append", path);
          const kept = error ? bytes.subarray(0, control.torn) : bytes;
          file.bytes = Buffer.concat([file.bytes, kept]);
          if (error) throw error;
        },
        async truncate(length) {
          act("truncate", path);
          const file = there(path);
          file.bytes = file.bytes.subarray(0, length);
          file.durable = Math.min(file.durable, length);
        },
        async sync() {
          act("sync", path);
          control.syncs += 1;
          there(path).durable = there(path).bytes.length;
        },
        close: async () => {},
      };
    },
    async openRead(path) {
      const { bytes } = there(path);
      return {
        read: async (buffer, position) => bytes.copy(buffer, 0, position, position + buffer.length),
        close: async () => {},
      };
    },
    async remove(path) {
      act("remove", path);
      files.delete(path);
    },
    readSmall: async (path) => files.get(path)?.bytes.toString("utf8"),
    readBytes: async (path) => {
      const bytes = files.get(path)?.bytes;
      return bytes && Buffer.from(bytes);
    },
    async write(path, bytes) {
      act("write", path);
      files.set(path, { bytes: Buffer.from(bytes), durable: 0 });
    },
    async replace(path, text) {
      act("replace", path);
      const bytes = Buffer.from(text);
      files.set(path, { bytes, durable: bytes.length });
    },
  };
  return {
    fs,
    control,
    files,
    crash({ cut = 0 }: { cut?: number } = {}) {
      for (const file of files.values()) {
        file.bytes = file.bytes.subarray(0, Math.min(file.bytes.length, file.durable + cut));
        file.durable = file.bytes.length;
      }
    },
  };
}

export const errno = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });
