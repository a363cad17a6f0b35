import { posix } from "node:path";

export type FileNode = { kind: "file"; data: Uint8Array; synced: Uint8Array };
type DirNode = { kind: "dir"; names: Map<string, number>; durable: Map<string, number> };
type LinkNode = { kind: "link"; target: string };
export type Node = (FileNode | DirNode | LinkNode) & {
  ino: number;
  mode: number;
  mtime: bigint;
  ctime: bigint;
};
/** One change of names, all or nothing, as a journalling file system makes it. */
type NameChange = { dir: number; name: string; ino: number | undefined }[];

/** Inodes, and the changes of names that are not durable yet, oldest first. */
export type Volume = { nodes: Map<number, Node>; pending: NameChange[]; clock: bigint; lastIno: number };

export function emptyVolume(): Volume {
  const volume: Volume = { nodes: new Map(), pending: [], clock: 1n, lastIno: 1 };
  volume.nodes.set(1, emptyDir(volume, 1));
  return volume;
}

export const tick = (volume: Volume): bigint => {
  volume.clock += 1n;
  return volume.clock;
};

export function emptyDir(volume: Volume, ino: number): Node {
  const time = tick(volume);
  return { kind: "dir", names: new Map(), durable: new Map(), ino, mode: 0o755, mtime: time, ctime: time };
}

export function nodeOf({ nodes }: Volume, ino: number | undefined): Node {
  const node = ino === undefined ? undefined : nodes.get(ino);
  if (!node) throw errno("ENOENT");
  return node;
}

export function dirOf(volume: Volume, ino: number | undefined): DirNode & Node {
  const node = nodeOf(volume, ino);
  if (node.kind !== "dir") throw errno("ENOTDIR");
  return node;
}

type Place = { dir: number; name: string; path: string; ino: number | undefined };

/** Follows links in all places but the last, and there too if asked. */
export function locate(volume: Volume, path: string, last: "follow" | "keep", hops = 0): Place {
  if (hops > 40) throw errno("ELOOP");
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  let place: Place = { dir: 1, name: "", path: "/", ino: 1 };
  for (const [index, name] of parts.entries()) {
    const dir = place.ino ?? 0;
    const folder = dirOf(volume, dir);
    if (name === "..") {
      place = locate(volume, posix.dirname(place.path), "follow", hops + 1);
      continue;
    }
    const ino = folder.names.get(name);
    const node = ino === undefined ? undefined : nodeOf(volume, ino);
    const isLast = index === parts.length - 1;
    if (node?.kind === "link" && (!isLast || last === "follow")) {
      const start = node.target.startsWith("/") ? "" : place.path;
      return locate(volume, [start, node.target, ...parts.slice(index + 1)].join("/"), last, hops + 1);
    }
    if (!isLast && ino === undefined) throw errno("ENOENT", path);
    place = { dir, name, path: posix.join(place.path, name), ino };
  }
  return place;
}

export const find = (volume: Volume, path: string, last: "follow" | "keep"): Node =>
  nodeOf(volume, locate(volume, path, last).ino);

export function changeNames(volume: Volume, ...changes: NameChange): void {
  for (const { dir, name, ino } of changes) {
    const folder = dirOf(volume, dir);
    if (ino === undefined) folder.names.delete(name);
    else folder.names.set(name, ino);
    folder.mtime = folder.ctime = tick(volume);
  }
  volume.pending.push(changes);
}

export function addNode(volume: Volume, path: string, make: (ino: number) => Node): Node {
  const { dir, name, ino } = locate(volume, path, "keep");
  if (ino !== undefined) throw errno("EEXIST", path);
  const node = make(++volume.lastIno);
  volume.nodes.set(node.ino, node);
  changeNames(volume, { dir, name, ino: node.ino });
  return node;
}

export function renameNode(volume: Volume, source: string, target: string): void {
  const from = locate(volume, source, "keep");
  const to = locate(volume, target, "keep");
  const node = nodeOf(volume, from.ino);
  // Two names of one file: POSIX does nothing.
  if (from.ino === to.ino) return;
  const other = to.ino === undefined ? undefined : nodeOf(volume, to.ino);
  if (`${to.path}/`.startsWith(`${from.path}/`)) throw errno("EINVAL", target);
  if (other?.kind === "dir" && node.kind !== "dir") throw errno("EISDIR", target);
  if (other && other.kind !== "dir" && node.kind === "dir") throw errno("ENOTDIR", target);
  if (other?.kind === "dir" && other.names.size > 0) throw errno("ENOTEMPTY", target);
  node.ctime = tick(volume);
  changeNames(
    volume,
    { dir: from.dir, name: from.name, ino: undefined },
    { dir: to.dir, name: to.name, ino: node.ino },
  );
}

/** A change of names is durable only together with the earlier ones of the same folders. */
export function syncNames(volume: Volume, ino: number): void {
  const folders = new Set([ino]);
  const due = new Set<NameChange>();
  for (const change of volume.pending.toReversed())
    if (change.some(({ dir }) => folders.has(dir))) {
      due.add(change);
      for (const { dir } of change) folders.add(dir);
    }
  makeDurable(volume, (change) => due.has(change));
}

export function makeDurable(volume: Volume, isDue: (change: NameChange) => boolean): void {
  const rest: NameChange[] = [];
  for (const change of volume.pending) {
    if (!isDue(change)) rest.push(change);
    else
      for (const { dir, name, ino } of change)
        if (ino === undefined) dirOf(volume, dir).durable.delete(name);
        else dirOf(volume, dir).durable.set(name, ino);
  }
  volume.pending = rest;
}

/**
 * What a loss of power leaves. Names: of what was not durable any part may be missing, but in the order of each
 * folder. Content that was not synced: old, new, torn or cut short.
 */
export function survivors(volume: Volume, random: () => number): Volume {
  const lost = new Set<number>();
  makeDurable(volume, (change) => {
    const isKept = !change.some(({ dir }) => lost.has(dir)) && random() < 0.7;
    if (!isKept) for (const { dir } of change) lost.add(dir);
    return isKept;
  });
  const nodes = new Map([...volume.nodes].map(([ino, node]) => [ino, survivor(node, random)] as const));
  return { nodes, pending: [], clock: volume.clock, lastIno: volume.lastIno };
}

function survivor(node: Node, random: () => number): Node {
  if (node.kind === "dir") return { ...node, names: new Map(node.durable), durable: new Map(node.durable) };
  if (node.kind === "link") return { ...node };
  const data = Buffer.compare(node.data, node.synced) === 0 ? node.data : tornContent(node, random());
  return { ...node, data: data.slice(), synced: data.slice() };
}

function tornContent({ data, synced }: FileNode, luck: number): Uint8Array {
  if (luck < 0.3) return synced;
  if (luck < 0.5) return data;
  const cut = Math.floor(luck * data.length);
  const torn = new Uint8Array(data.length);
  torn.set(data.subarray(0, cut));
  return luck < 0.75 ? torn : torn.subarray(0, cut);
}

export function errno(code: string, path = ""): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
