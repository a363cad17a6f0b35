import { join } from "node:path";
import { z } from "zod";
import { createGroupCommit } from "../group-commit.ts";
import { type LogFs, storageFault } from "../log-fs.ts";
import { checksum } from "../spool-line.ts";

const Count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const Counts = z.strictObject({ acked: Count, quarantined: Count, rejected: Count, differing: Count });
export type Counts = z.infer<typeof Counts>;

const State = z.strictObject({
  logId: z.string(),
  /** Every record below is accounted for, and counted. */
  next: Count,
  /** No record from here on was ever sent. */
  sentTo: Count,
  counts: Counts,
  /** How much of the counts was told in the log. */
  told: Counts,
  /** The first dead letter that counts, and the first that may be of a record that `next` has not passed. */
  letters: z.strictObject({ from: Count, open: Count }),
  reconciled: z.strictObject({ seq: z.number().int(), atMs: z.number(), resent: Count }).nullable(),
  /** Where the next look at old records begins. */
  sweep: Count,
  /** When a look was told in the log last. */
  toldAtMs: z.number(),
});
export type CursorState = z.infer<typeof State>;

export type Cursor = {
  /** Changed in one go, so that whatever is saved agrees with itself. */
  state: CursorState;
  /** There was no file: nothing was sent, or the file was lost. */
  isNew: boolean;
  /** Resolves when the state of now, or a later one, is on disk. @throws Fault disk-full | storage-failed */
  save(): Promise<void>;
};

/**
 * How far the copy is. The file may lag behind: what is sent twice is answered with a conflict. Where it is damaged, or
 * of another log, or ahead of this one, everything is looked at again.
 */
export async function openCursor({
  dir,
  fs,
  logId,
  length,
}: {
  dir: string;
  fs: LogFs;
  logId: string;
  /** Records in the log. */
  length: number;
}): Promise<Cursor> {
  const path = join(dir, "cursor.json");
  const found = parse(await fs.readSmall(path));
  const state =
    found && found.logId === logId && found.next <= length
      ? found
      : // Nothing is known of what was sent, unless nothing ever was.
        anew(logId, found === undefined ? 0 : length);
  const commits = createGroupCommit<null, null>({
    async commit(waiting) {
      const text = JSON.stringify(state);
      await fs.replace(path, `${checksum(text)} ${text}\n`);
      return waiting.map(() => null);
    },
  });
  return {
    state,
    isNew: found === undefined,
    async save() {
      try {
        await commits.push(null);
      } catch (error) {
        throw storageFault(`${path} was not written`, error);
      }
    },
  };
}

const none: Counts = { acked: 0, quarantined: 0, rejected: 0, differing: 0 };

const anew = (logId: string, sentTo: number): CursorState => ({
  logId,
  next: 0,
  sentTo,
  counts: { ...none },
  told: { ...none },
  letters: { from: 0, open: 0 },
  reconciled: null,
  sweep: 0,
  toldAtMs: 0,
});

/** Undefined where there is no file, null where there is one that says nothing. */
function parse(text: string | undefined): CursorState | null | undefined {
  if (text === undefined) return undefined;
  const body = text.slice(9).trimEnd();
  if (text.slice(0, 8) !== checksum(body)) return null;
  try {
    return State.parse(JSON.parse(body));
  } catch {
    return null;
  }
}
