import { chunkRefs, type ManifestBody, type ManifestFile } from "./manifest-body.ts";

type Tensor = ManifestFile["tensors"][number];
type Change = "changed" | "added" | "gone";

export type FileChange = {
  path: string;
  change: Change;
  kinds: readonly [before: string | null, after: string | null];
  bytes: readonly [before: number, after: number];
  /** Chunks of the newer file that the older one does not have. */
  newChunks: number;
  tensors: {
    name: string;
    change: Change | "reshaped";
    dtype: string;
    shape: readonly number[];
    bytes: number;
  }[];
  /** Where both are files: for who compares them as text. */
  files?: readonly [before: ManifestFile, after: ManifestFile];
};

/** Bytes of a file of one of the two snapshots. */
export type ReadRange = (file: ManifestFile, start: number, length: number) => Promise<Uint8Array>;
type Reads = { before: ReadRange; after: ReadRange };

/**
 * What differs between two snapshots, by path. Files and tensors are compared by their chunks' names, which are those
 * of equal bytes; only where a tensor shares its chunks with others are bytes read.
 */
export async function diffManifests(
  before: ManifestBody["files"],
  after: ManifestBody["files"],
  reads: Reads,
): Promise<FileChange[]> {
  const [a, b] = [byPath(before), byPath(after)];
  const changes: FileChange[] = [];
  for (const path of [...new Set([...a.keys(), ...b.keys()])].toSorted()) {
    const change = await compare(path, [a.get(path), b.get(path)], reads);
    if (change) changes.push(change);
  }
  return changes;
}

type Entry = ManifestBody["files"][number];

async function compare(
  path: string,
  [before, after]: readonly [Entry | undefined, Entry | undefined],
  reads: Reads,
): Promise<FileChange | undefined> {
  if (before && after && isSame(before, after)) return undefined;
  const [a, b] = [fileOf(before), fileOf(after)];
  const known = new Set(a && chunkIds(a));
  return {
    path,
    change: before ? (after ? "changed" : "gone") : "added",
    kinds: [kindText(before), kindText(after)],
    bytes: [a?.size ?? 0, b?.size ?? 0],
    newChunks: b ? chunkIds(b).filter((id) => !known.has(id)).length : 0,
    tensors: await compareTensors(a, b, reads),
    ...(a && b && { files: [a, b] as const }),
  };
}

function isSame(a: Entry, b: Entry): boolean {
  if (a.kind === "file" && b.kind === "file") return haveSameContents(a, b) && a.mode === b.mode;
  return kindText(a) === kindText(b);
}

/** By a digest that both have; else by their chunks, which are the same where the same bytes were cut the same way. */
function haveSameContents(a: ManifestFile, b: ManifestFile): boolean {
  if (a.sha256 !== undefined && b.sha256 !== undefined) return a.sha256 === b.sha256;
  if (a.blake3 !== undefined && b.blake3 !== undefined) return a.blake3 === b.blake3;
  return a.size === b.size && a.chunks === b.chunks;
}

async function compareTensors(
  before: ManifestFile | undefined,
  after: ManifestFile | undefined,
  reads: Reads,
): Promise<FileChange["tensors"]> {
  const [a, b] = [tensorsOf(before), tensorsOf(after)];
  const found: FileChange["tensors"] = [];
  for (const [name, tensor] of b) {
    const old = a.get(name);
    const shown = { name, dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.length };
    if (!old) found.push({ ...shown, change: "added" });
    else if (old.dtype !== tensor.dtype || old.shape.join() !== tensor.shape.join())
      found.push({ ...shown, change: "reshaped" });
    else if (before && after && !(await isSameTensor([before, old], [after, tensor], reads)))
      found.push({ ...shown, change: "changed" });
  }
  for (const [name, { dtype, shape, length }] of a)
    if (!b.has(name)) found.push({ name, dtype, shape, bytes: length, change: "gone" });
  return found;
}

type Part = readonly [ManifestFile, Tensor];

async function isSameTensor(a: Part, b: Part, reads: Reads): Promise<boolean> {
  if (a[1].length !== b[1].length) return false;
  const [piecesOfA, piecesOfB] = [piecesOf(a), piecesOf(b)];
  const ids = (pieces: readonly Piece[]) =>
    pieces.map(({ id, at, length }) => `${id} ${at} ${length}`).join();
  if (ids(piecesOfA) === ids(piecesOfB)) return true;
  // Cut from its own start into whole chunks, a tensor of equal bytes has equal chunks.
  if (piecesOfA.every(({ isWhole }) => isWhole) && piecesOfB.every(({ isWhole }) => isWhole)) return false;
  return haveSameBytes(a, b, reads);
}

const stepBytes = 1 << 20;

async function haveSameBytes([fileA, a]: Part, [fileB, b]: Part, { before, after }: Reads): Promise<boolean> {
  for (let at = 0; at < a.length; at += stepBytes) {
    const length = Math.min(stepBytes, a.length - at);
    const bytes = await before(fileA, a.start + at, length);
    if (Buffer.compare(bytes, await after(fileB, b.start + at, length)) !== 0) return false;
  }
  return true;
}

/** Of a tensor in a chunk: where in the chunk it begins, and how much of it lies there. */
type Piece = { id: string; at: number; length: number; isWhole: boolean };

function piecesOf([file, { start, length }]: Part): Piece[] {
  const pieces: Piece[] = [];
  let chunkStart = 0;
  for (const { chunkId, plainLength } of chunkRefs(file)) {
    const [from, to] = [Math.max(start, chunkStart), Math.min(start + length, chunkStart + plainLength)];
    if (from < to)
      pieces.push({
        id: Buffer.from(chunkId).toString("hex"),
        at: from - chunkStart,
        length: to - from,
        isWhole: to - from === plainLength,
      });
    chunkStart += plainLength;
  }
  return pieces;
}

const byPath = (entries: ManifestBody["files"]) => new Map(entries.map((entry) => [entry.path, entry]));
const tensorsOf = (file: ManifestFile | undefined) =>
  new Map(file?.tensors.map((tensor) => [tensor.name, tensor]) ?? []);
const fileOf = (entry: Entry | undefined) => (entry?.kind === "file" ? entry : undefined);
const chunkIds = (file: ManifestFile) =>
  chunkRefs(file).map(({ chunkId }) => Buffer.from(chunkId).toString("hex"));

function kindText(entry: Entry | undefined): string | null {
  if (!entry) return null;
  if (entry.kind === "link") return `link to ${entry.target}`;
  return `${entry.kind} ${entry.mode.toString(8)}`;
}
