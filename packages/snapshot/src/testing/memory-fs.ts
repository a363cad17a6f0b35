import type { Fs, FsHandle, FsStat } from "../fs.ts";
import {
  addNode,
  changeNames,
  dirOf,
  emptyDir,
  emptyVolume,
  errno,
  type FileNode,
  find,
  locate,
  makeDurable,
  type Node,
  nodeOf,
  renameNode,
  survivors,
  syncNames,
  tick,
  type Volume,
} from "./memory-volume.ts";

export type MemoryFs = {
  fs: Fs;
  /** Everything written so far is on the disk. */
  settle(): void;
  /** The disk after a loss of power; `random` decides what of the undurable is left. */
  crash(random: () => number): MemoryFs;
  /** Every file's content by path, for asking whether bytes are still anywhere. */
  contents(): Map<string, string>;
};

/** A file system in memory that knows what a crash may take back. A test holds it equal to the real one. */
export function createMemoryFs(volume: Volume = emptyVolume()): MemoryFs {
  return {
    fs: fsOf(volume),
    settle() {
      makeDurable(volume, () => true);
      for (const node of volume.nodes.values()) if (node.kind === "file") node.synced = node.data.slice();
    },
    crash: (random) => createMemoryFs(survivors(volume, random)),
    contents() {
      const found = new Map<string, string>();
      const visit = (node: Node, path: string): void => {
        if (node.kind === "file") found.set(path, Buffer.from(node.data).toString("latin1"));
        if (node.kind === "dir")
          for (const [name, ino] of node.names) visit(nodeOf(volume, ino), `${path}/${name}`);
      };
      visit(nodeOf(volume, 1), "");
      return found;
    },
  };
}

function fsOf(volume: Volume): Fs {
  return {
    open: async (path, flags, mode = 0o666) =>
      handleOf(
        volume,
        flags === "wx"
          ? addNode(volume, path, (ino) => emptyFile(volume, ino, mode))
          : find(volume, path, "follow"),
      ),
    lstat: async (path) => statOf(find(volume, path, "keep")),
    readdir: async (path) => [...dirOf(volume, locate(volume, path, "follow").ino).names.keys()],
    async readlink(path) {
      const node = find(volume, path, "keep");
      if (node.kind !== "link") throw errno("EINVAL", path);
      return node.target;
    },
    async realpath(path) {
      const place = locate(volume, path, "follow");
      nodeOf(volume, place.ino);
      return place.path;
    },
    mkdir: async (path) => void addNode(volume, path, (ino) => emptyDir(volume, ino)),
    rename: async (source, target) => renameNode(volume, source, target),
    async link(source, target) {
      const node = find(volume, source, "keep");
      const { dir, name, ino } = locate(volume, target, "keep");
      if (ino !== undefined) throw errno("EEXIST", target);
      if (node.kind === "dir") throw errno("EPERM", source);
      node.ctime = tick(volume);
      changeNames(volume, { dir, name, ino: node.ino });
    },
    async symlink(target, path) {
      const time = tick(volume);
      addNode(volume, path, (ino) => ({ kind: "link", target, ino, mode: 0o777, mtime: time, ctime: time }));
    },
    async unlink(path) {
      const { dir, name, ino } = locate(volume, path, "keep");
      if (nodeOf(volume, ino).kind === "dir") throw errno("EISDIR", path);
      changeNames(volume, { dir, name, ino: undefined });
    },
    async rmdir(path) {
      const { dir, name, ino } = locate(volume, path, "keep");
      if (dirOf(volume, ino).names.size > 0) throw errno("ENOTEMPTY", path);
      changeNames(volume, { dir, name, ino: undefined });
    },
    async chmod(path, mode) {
      const node = find(volume, path, "follow");
      node.mode = mode;
      node.ctime = tick(volume);
    },
    chown: async (path) => void find(volume, path, "follow"),
    async setMtime(path, mtimeNs) {
      const node = find(volume, path, "follow");
      node.mtime = mtimeNs;
      node.ctime = tick(volume);
    },
    reflink: async () => Promise.reject(errno("ENOTSUP")),
    syncDir: async (path) => syncNames(volume, dirOf(volume, locate(volume, path, "follow").ino).ino),
    freeBytes: async () => 1e12,
  };
}

function emptyFile(volume: Volume, ino: number, mode: number): Node {
  const time = tick(volume);
  const [data, synced] = [new Uint8Array(), new Uint8Array()];
  return { kind: "file", data, synced, ino, mode, mtime: time, ctime: time };
}

function handleOf(volume: Volume, node: Node): FsHandle {
  const file = (): FileNode & Node => {
    if (node.kind !== "file") throw errno("EISDIR");
    return node;
  };
  return {
    async read(buffer, position) {
      const bytes = file().data.subarray(position, position + buffer.length);
      buffer.set(bytes);
      return bytes.length;
    },
    async write(bytes, position) {
      const target = file();
      const data = new Uint8Array(Math.max(target.data.length, position + bytes.length));
      data.set(target.data);
      data.set(bytes, position);
      target.data = data;
      target.mtime = target.ctime = tick(volume);
    },
    stat: async () => statOf(node),
    async sync() {
      if (node.kind === "file") node.synced = node.data.slice();
    },
    close: async () => {},
  };
}

const statOf = (node: Node): FsStat => ({
  kind: node.kind,
  dev: 1n,
  ino: BigInt(node.ino),
  size: node.kind === "file" ? node.data.length : 0,
  mtimeNs: node.mtime,
  ctimeNs: node.ctime,
  mode: node.mode,
  uid: 0,
  gid: 0,
});
