import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { createComparison, type Difference, isClean, type KnownLeaf } from "./compare-records.ts";
import { type Cosigned, cosignedBy } from "./cosigned-by.ts";
import { nodeLogFs, storageFault } from "./log-fs.ts";
import { witnessedName } from "./log-tree.ts";
import { emptyRoot, leafHash } from "./merkle/merkle-hash.ts";
import { hashBytes, tilePath, tileWidth } from "./merkle/tile.ts";
import { createTileTree, type TileTree } from "./merkle/tile-tree.ts";
import { type Checkpoint, openCheckpoint, readCheckpoint } from "./note/checkpoint.ts";
import { type NoteKey, readNoteKey } from "./note/note-key.ts";
import { readNote } from "./note/signed-note.ts";
import { linesForward } from "./read-lines.ts";
import { readRecordLine } from "./read-record-line.ts";

export type LogVerdict = Difference & {
  ok: boolean;
  /** Right records that were read. */
  records: number;
  /** What they were held against; null where nothing was ever signed. */
  signed: { origin: string; size: number; byKey: boolean } | null;
  /** Who saw which length of it, by the keys that were given and by those beside the folder; the newest of each. */
  witnesses: Cosigned[];
  /** What is wrong with the proofs themselves: the checkpoint, its tiles, or the records under them. */
  problems: string[];
};

/**
 * Holds lines against the checkpoint and the tiles in the audit folder, without trusting the writer of any: `key` has
 * to come from elsewhere to prove who signed. Reads every line once and keeps 32 bytes of each that was signed.
 * @throws Fault not-found | storage-failed
 */
export async function verifyLog({
  dir,
  lines = linesOf(dir),
  key,
  witnesses: demanded = [],
}: {
  dir: string;
  lines?: AsyncIterable<string | KnownLeaf> | Iterable<string>;
  key?: NoteKey | undefined;
  /** Each of them must have cosigned. */
  witnesses?: readonly NoteKey[];
}): Promise<LogVerdict> {
  const problems: string[] = [];
  const signed = await readSigned(dir, { key, problems });
  const checkpoint = signed?.checkpoint;
  const witnessed = checkpoint && (await readSigned(dir, { key, problems, name: witnessedName }));
  const middle = rootWatch(witnessed?.checkpoint);
  const leaves = checkpoint && (await readLeaves(dir, checkpoint, middle.look));
  const comparison = createComparison({
    leafAt: (seq) =>
      leaves && (seq + 1) * hashBytes <= leaves.length
        ? leaves.subarray(seq * hashBytes, (seq + 1) * hashBytes)
        : undefined,
  });
  const tree = createTileTree({ read: async () => undefined });
  for await (const line of lines) {
    comparison.take(line);
    if (!checkpoint || leaves || tree.size() >= checkpoint.size) continue;
    tree.push(typeof line === "string" ? leafHash(line) : line.leaf);
    middle.look(tree);
  }
  const found = comparison.end(checkpoint?.size);
  // Without tiles the root still tells whether, only not where.
  if (checkpoint && !leaves && !tree.root().equals(checkpoint.root))
    problems.push(`the first ${checkpoint.size} records are not those that were signed`);
  if (witnessed && !middle.isRight())
    problems.push(`the first ${witnessed.checkpoint.size} records are not those that witnesses saw`);
  const witnesses = cosignedBy(
    [signed, witnessed].filter((one) => one !== undefined),
    [...demanded, ...(await knownWitnesses(dir))],
  );
  for (const { name, keyId } of demanded)
    if (!witnesses.some((one) => one.keyId === keyId.toString("hex") && one.name === name))
      problems.push(`${name} cosigned neither the newest checkpoint nor the last one that was witnessed`);
  return {
    ...found,
    ok: isClean(found) && problems.length === 0,
    signed: checkpoint
      ? { origin: checkpoint.origin, size: checkpoint.size, byKey: key !== undefined }
      : null,
    witnesses,
    problems,
  };
}

/** What the collector collected: enough to count, not to prove who they are. */
async function knownWitnesses(dir: string): Promise<NoteKey[]> {
  const text = (await nodeLogFs.readSmall(join(dir, "..", "witnesses.pub"))) ?? "";
  return text.split("\n").flatMap((line) => {
    try {
      return [readNoteKey(line)];
    } catch {
      return [];
    }
  });
}

type Signed = { note: string; checkpoint: Checkpoint };

/** The root of a checkpoint in the middle of what is pushed. */
function rootWatch(checkpoint: Checkpoint | undefined) {
  // A log is witnessed before it has a record.
  let isRight = checkpoint?.size === 0 && checkpoint.root.equals(emptyRoot);
  return {
    look(tree: TileTree): void {
      if (tree.size() === checkpoint?.size) isRight = tree.root().equals(checkpoint.root);
    },
    isRight: () => isRight,
  };
}

/**
 * What a log is called in the ids of its documents; undefined where nothing was ever signed.
 * @throws Fault evidence-invalid
 */
export async function logIdIn(dir: string): Promise<string | undefined> {
  const note = await nodeLogFs.readSmall(join(dir, "checkpoint"));
  return note === undefined ? undefined : logIdOf(readCheckpoint(readNote(note).text).origin);
}

/** Of the name of its key, `locum/audit/<id>`. */
export const logIdOf = (origin: string): string => origin.slice(origin.lastIndexOf("/") + 1);

/** The lines of a log's folder, which is only read. One that is just being written at the very end is left out. */
async function* linesOf(dir: string): AsyncGenerator<string> {
  const names = await namesOf(dir);
  for (const [index, name] of names.entries()) {
    const path = join(dir, name);
    const { size } = await stat(path);
    const isTorn = index === names.length - 1 && (await lastByte(path, size)) !== 10;
    const lines = linesForward(nodeLogFs, { path, end: size });
    if (isTorn) yield* withoutTorn(lines);
    else yield* lines;
  }
}

async function* withoutTorn(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let held: string | undefined;
  for await (const line of lines) {
    if (held !== undefined) yield held;
    held = line;
  }
  if (held !== undefined && readRecordLine(held)?.isWhole()) yield held;
}

async function namesOf(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => /^\d{20}\.jsonl$/.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new Fault("not-found", `${dir}: there is no such folder`, {
        hint: "Name the folder of an audit log: <dataDir of the collector>/audit.",
        cause: error,
      });
    throw storageFault(`${dir} cannot be read`, error);
  }
}

async function lastByte(path: string, size: number): Promise<number | undefined> {
  const file = await nodeLogFs.openRead(path);
  try {
    const byte = Buffer.alloc(1);
    return size > 0 && (await file.read(byte, size - 1)) === 1 ? byte[0] : undefined;
  } finally {
    await file.close();
  }
}

async function readSigned(
  dir: string,
  { key, problems, name }: { key: NoteKey | undefined; problems: string[]; name?: string },
): Promise<Signed | undefined> {
  const note = await nodeLogFs.readSmall(join(dir, name ?? "checkpoint"));
  if (note === undefined) {
    if (key && name === undefined) problems.push("there is no checkpoint that the key could have signed");
    return undefined;
  }
  try {
    return { note, checkpoint: key ? openCheckpoint(note, key) : readCheckpoint(readNote(note).text) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

/** The leaf hashes that were signed; undefined where the tiles do not give the root of the checkpoint. */
async function readLeaves(
  dir: string,
  { size, root }: Checkpoint,
  look: (tree: TileTree) => void,
): Promise<Buffer | undefined> {
  const tiles: Buffer[] = [];
  const tree = createTileTree({ read: async () => undefined });
  for (let index = 0; index * tileWidth < size; index += 1) {
    const width = Math.min(tileWidth, size - index * tileWidth);
    const tile = await readFile(join(dir, tilePath({ level: 0, index, width }))).catch(() => undefined);
    if (tile?.length !== width * hashBytes) return undefined;
    for (let at = 0; at < tile.length; at += hashBytes) {
      tree.push(tile.subarray(at, at + hashBytes));
      look(tree);
    }
    tree.stored(tree.unstored());
    tiles.push(tile);
  }
  return tree.root().equals(root) ? Buffer.concat(tiles) : undefined;
}
