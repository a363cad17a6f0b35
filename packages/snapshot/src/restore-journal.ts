import { join } from "node:path";
import { z } from "zod";
import { makeDirs, readSmall, writeDurable } from "./durable.ts";
import type { Fs } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";
import { parseTree } from "./tree-digest.ts";

/** Relative, without `.`, `..` or empty parts: unlike a path of a tree it may lead through dot-folders (`..data/`). */
const Location = z
  .string()
  .max(4096)
  .refine(
    (path) => path.split("/").every((part) => !["", ".", ".."].includes(part)) && !/[\0\\]/.test(path),
    "a relative path that stays inside",
  );
const PlacedStamp = z.string().regex(/^\d+:\d+:\d+$/);

/**
 * One file to put right. `old` is what was judged to lie at the location (null: nothing), `want` what shall lie
 * there (null: nothing). Stamps tell on recovery whose file a path holds.
 */
export const Step = z.strictObject({
  location: Location,
  old: z.strictObject({ kind: z.enum(["file", "link", "dir"]), stamp: PlacedStamp }).nullable(),
  want: z
    .strictObject({
      path: z.string(),
      digest: z.string(),
      clone: z.string().regex(/^\d{1,6}$/),
      stamp: PlacedStamp,
    })
    .nullable(),
});
export type Step = z.infer<typeof Step>;

/**
 * `cloning`: nothing of the live tree was touched. `swapping`: the steps say everything that may have happened;
 * which of them did is read from the disk, so that the swap itself writes nothing but names.
 */
const Journal = z.strictObject({
  version: z.literal(1),
  phase: z.enum(["cloning", "swapping"]),
  id: z.string().regex(/^\d{6}$/),
  judged: z.string(),
  target: z.unknown().transform(parseTree),
  steps: z.array(Step).max(200_000),
  madeDirs: z.array(Location).max(200_000).describe("folders that the swap makes"),
});
export type Journal = z.infer<typeof Journal>;

const journalBytesMax = 128 * 1024 * 1024;
const journalPath = (journalDir: string): string => join(journalDir, "restore.json");

export async function writeJournal(fs: Fs, journalDir: string, journal: Journal): Promise<void> {
  await makeDirs(fs, journalDir, 0o700);
  await writeDurable(fs, journalPath(journalDir), JSON.stringify(journal));
}

/** The open restore, or undefined; `"unreadable"` when the file is there and says nothing that can be trusted. */
export async function readJournal(fs: Fs, journalDir: string): Promise<Journal | "unreadable" | undefined> {
  let text: string | undefined;
  try {
    text = await readSmall(fs, journalPath(journalDir), journalBytesMax);
  } catch (error) {
    if (error instanceof RangeError) return "unreadable";
    throw error;
  }
  if (text === undefined) return undefined;
  try {
    return Journal.parse(JSON.parse(text));
  } catch {
    return "unreadable";
  }
}

export async function closeJournal(fs: Fs, journalDir: string): Promise<void> {
  if ((await ifThere(fs.unlink(journalPath(journalDir)).then(() => true))) !== true) return;
  await fs.syncDir(journalDir);
}

/** Sets a journal aside that cannot be read: what it displaced is kept, and the next restore is not blocked. */
export async function quarantineJournal(fs: Fs, journalDir: string): Promise<void> {
  await fs.rename(journalPath(journalDir), join(journalDir, "restore.json.unreadable"));
  await fs.syncDir(journalDir);
}
