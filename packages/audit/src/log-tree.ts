import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { type LogFs, storageFault } from "./log-fs.ts";
import { leafHash } from "./merkle/merkle-hash.ts";
import { edgeTiles, hashBytes, tilePath } from "./merkle/tile.ts";
import { createTileTree, type Tile, type TileTree } from "./merkle/tile-tree.ts";
import { isConsistent, isIncluded } from "./merkle/verify-proof.ts";
import { type Checkpoint, openCheckpoint, signCheckpoint } from "./note/checkpoint.ts";
import { cosignedAt } from "./note/cosignature.ts";
import { type NoteKey, type NoteSigner, noteKeyOf } from "./note/note-key.ts";
import { readNote } from "./note/signed-note.ts";

/** The newest checkpoint but one that witnesses cosigned. */
export const witnessedName = "checkpoint.witnessed";

/**
 * The Merkle tree over a log's lines: what lets others hold it to its own past. A checkpoint is signed only over
 * records that are on disk. Tiles are derived: one that is lost or damaged is made again from the records.
 */
export type LogTree = {
  size(): number;
  /** Signs the tree as it stands, after its tiles are written; the same note again where nothing came since. */
  checkpoint(): Promise<string>;
  /**
   * Adds the line of a witness to the newest checkpoint; false where it is not one. The first 64 witnesses are kept,
   * one line each; those of the checkpoint before stay in `checkpoint.witnessed`.
   */
  addCosignature(line: string, witness: NoteKey): Promise<boolean>;
  /** The root over its first records. */
  rootAt(size: number): Promise<Buffer>;
  /** The newest note; undefined before the first. */
  note(): string | undefined;
  inclusion(seq: number, size?: number): Promise<Buffer[]>;
  consistency(old: number, size?: number): Promise<Buffer[]>;
};

export type GrowingLogTree = LogTree & { add(lines: readonly string[]): void };

type Deps = {
  dir: string;
  fs: LogFs;
  signer: NoteSigner;
  /** The lines from a record on. */
  lines: (first: number) => AsyncIterable<string>;
  /** Records in the log. */
  count: number;
};

/** A note has room for a hundred signatures, and to be caught it takes one witness. */
const cosignaturesMax = 64;

/** @throws Fault evidence-invalid where the log is not the one that its checkpoint was signed over */
export async function openLogTree({ dir, fs, signer, lines, count }: Deps): Promise<GrowingLogTree> {
  const key = noteKeyOf(signer, "log");
  const notePath = join(dir, "checkpoint");
  const read = (tile: Parameters<typeof tilePath>[0]) => fs.readBytes(join(dir, tilePath(tile)));
  let note = await fs.readSmall(notePath);
  let signed = note === undefined ? undefined : openCheckpoint(note, key);
  let tree = (await treeAtCheckpoint(read, signed)) ?? createTileTree({ read });
  await grow(tree, lines, signed, count);

  /** The records decide: every tile is made anew from them. */
  const rebuild = async (): Promise<void> => {
    const anew = createTileTree({ read });
    await grow(anew, lines, signed, tree.size());
    await store(anew);
    // What was appended meanwhile; the last look and the change are in one turn.
    while (anew.size() < tree.size()) await grow(anew, lines, undefined, tree.size());
    tree = anew;
  };
  const store = async (from: TileTree): Promise<void> => {
    const tiles = from.unstored();
    for (const tile of tiles) await fs.write(join(dir, tilePath(tile)), tile.bytes);
    from.stored(tiles);
  };
  /** Proofs go to people who act on them: one that does not hold is never given out. */
  const proven = async (prove: () => Promise<Buffer[] | undefined>): Promise<Buffer[]> => {
    const first = await prove().catch(() => undefined);
    if (first) return first;
    await rebuild();
    const second = await prove();
    if (second) return second;
    throw new Fault("evidence-invalid", "the records of the log do not give its root");
  };

  const checkpoint = async (): Promise<string> => {
    const at = { size: tree.size(), root: tree.root() };
    if (note !== undefined && signed?.size === at.size) return note;
    const next = signCheckpoint(at, signer);
    await store(tree);
    // Whoever verifies between this checkpoint and its witnesses finds the last one that had some.
    if (note !== undefined && readNote(note).signatures.length > 1)
      await fs.replace(join(dir, witnessedName), note);
    await fs.replace(notePath, next);
    const edge = new Set(edgeTiles(at.size).map(tilePath));
    const left = edgeTiles(signed?.size ?? 0).map(tilePath);
    note = next;
    signed = openCheckpoint(next, key);
    for (const path of left) if (!edge.has(path)) await fs.remove(join(dir, path));
    return next;
  };
  const addCosignature = async (line: string, witness: NoteKey): Promise<boolean> => {
    if (note === undefined || cosignedAt(bareNote(note), line, witness) === undefined) return false;
    if (!hasRoomFor(note, witness)) return true;
    await fs.replace(notePath, note + line);
    note += line;
    return true;
  };
  // One at a time: each writes the same file.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work).catch((error: unknown) => {
      throw storageFault(`${notePath} was not written`, error);
    });
    last = next.catch(() => {});
    return next;
  };

  return {
    size: () => tree.size(),
    add(added) {
      for (const line of added) tree.push(leafHash(line));
    },
    checkpoint: () => inTurn(checkpoint),
    addCosignature: (line, witness) => inTurn(() => addCosignature(line, witness)),
    note: () => note,
    rootAt: (size) => tree.rootAt(size),
    inclusion: (seq, size = tree.size()) =>
      proven(async () => {
        const leaf = await leafAt(lines, seq);
        const proof = await tree.inclusion(seq, size);
        const root = await tree.rootAt(size);
        return isIncluded({ leaf, index: seq, size, root, proof }) ? proof : undefined;
      }),
    consistency: (old, size = tree.size()) =>
      proven(async () => {
        const before = { size: old, root: await tree.rootAt(old) };
        const newer = { size, root: await tree.rootAt(size) };
        const proof = await tree.consistency(old, size);
        return isConsistent({ old: before, newer, proof }) ? proof : undefined;
      }),
  };
}

/** What is cosigned is its text: with the log's own line it is read sooner than with all. */
function bareNote(note: string): string {
  const first = note.indexOf("\n", note.indexOf("\n\n") + 2);
  return note.slice(0, first + 1);
}

function hasRoomFor(note: string, { name, keyId }: NoteKey): boolean {
  const { signatures } = readNote(note);
  const isThere = signatures.some((one) => one.name === name && keyId.equals(one.keyId));
  return !isThere && signatures.length <= cosignaturesMax;
}

/** The tree of a checkpoint from its edge; undefined where a tile of that is missing or another. */
async function treeAtCheckpoint(
  read: (tile: Parameters<typeof tilePath>[0]) => Promise<Buffer | undefined>,
  signed: Checkpoint | undefined,
): Promise<TileTree | undefined> {
  if (!signed) return undefined;
  const edge: Tile[] = [];
  for (const ref of edgeTiles(signed.size)) {
    const bytes = await read(ref);
    if (bytes?.length !== ref.width * hashBytes) return undefined;
    edge.push({ ...ref, bytes });
  }
  const tree = createTileTree({ read, size: signed.size, edge });
  return tree.root().equals(signed.root) ? tree : undefined;
}

/** Pushes the records that the tree does not have, and holds the log to what was signed. */
async function grow(
  tree: TileTree,
  lines: Deps["lines"],
  signed: Checkpoint | undefined,
  count: number,
): Promise<void> {
  const size = signed?.size ?? 0;
  if (size > count)
    throw new Fault("evidence-invalid", `expected the ${size} records that were signed, found ${count}`);
  for await (const line of lines(tree.size())) {
    if (tree.size() >= count) break;
    tree.push(leafHash(line));
    if (signed && tree.size() === size && !tree.root().equals(signed.root))
      throw new Fault("evidence-invalid", `the first ${size} records are not those that were signed`);
  }
}

async function leafAt(lines: Deps["lines"], seq: number): Promise<Buffer> {
  for await (const line of lines(seq)) return leafHash(line);
  throw new Fault("not-found", `the log has no record ${seq}`);
}
