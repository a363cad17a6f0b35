import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256Hex } from "@locum/contracts";
import { type Log, writeFileAtomic } from "@locum/runtime";
import { z } from "zod";
import type { Scrubbed } from "./repository-jobs.ts";

const ms = z.number().nonnegative();
const found = z.array(z.object({ name: z.string().max(1000), slice: z.number().int() })).max(1000);
const Drill = z.object({
  snapshot: z.string().max(40),
  atMs: ms,
  outcome: z.enum(["passed", "failed"]),
  code: z.string().max(100),
  detail: z.string().max(2000),
  files: ms,
  bytes: ms,
  planMs: ms,
  fetchMs: ms,
  decodeMs: ms,
  release: z.string().max(100).nullable(),
});
const Notes = z.object({
  scrub: z
    .object({
      next: z.number().int().min(0),
      of: z.number().int().min(1),
      atMs: ms,
      wholeAtMs: ms.nullable(),
    })
    .nullable(),
  damaged: found,
  lost: found,
  drills: z.record(z.string().max(100), Drill),
  prunedAtMs: ms.nullable(),
  drilledAtMs: ms.nullable(),
});
export type Notes = z.infer<typeof Notes>;
export type DrillNote = z.infer<typeof Drill>;

const none: Notes = {
  scrub: null,
  damaged: [],
  lost: [],
  drills: {},
  prunedAtMs: null,
  drilledAtMs: null,
};
const foundMax = 1000;

export type NotesFile = { read(): Promise<Notes>; write(notes: Notes): Promise<void> };

/** What a collector remembers of its work on a repository: a restart goes on with the next slice, and knows the last drill. */
export function notesFile(dataDir: string, place: string, say: Log): NotesFile {
  const file = join(dataDir, "repositories", `${sha256Hex(place).slice(0, 24)}.json`);
  return {
    async read() {
      try {
        const { data } = Notes.safeParse(JSON.parse(await readFile(file, "utf8")));
        if (data) return data;
        say("warn", "what was noted of a repository cannot be used, and begins anew", { path: file });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT")
          say("warn", "what was noted of a repository cannot be read, and begins anew", {
            path: file,
            error,
          });
      }
      return none;
    },
    write: async (notes) => void (await writeFileAtomic(file, `${JSON.stringify(notes)}\n`)),
  };
}

/** The next slice to read; from the first where the number of slices was changed. */
export const nextSlice = ({ scrub }: Notes, of: number): number => (scrub?.of === of ? scrub.next % of : 0);

/** What a slice said of its packs stands until that slice is read again; what is said of all else, until the next. */
export function withSlice(
  notes: Notes,
  { slice, of, atMs, scrubbed }: { slice: number; of: number; atMs: number; scrubbed: Scrubbed },
): Notes {
  const isKept = ({ name, slice: from }: { name: string; slice: number }) =>
    from !== slice && name.startsWith("packs/");
  const add = (kept: Notes["damaged"], names: readonly string[]) =>
    [...kept, ...names.map((name) => ({ name: name.slice(0, 1000), slice }))].slice(-foundMax);
  const isSame = notes.scrub?.of === of;
  return {
    ...notes,
    scrub: {
      next: slice + 1,
      of,
      atMs,
      wholeAtMs:
        slice + 1 === of && (isSame || of === 1) ? atMs : isSame ? (notes.scrub?.wholeAtMs ?? null) : null,
    },
    damaged: add(isSame ? notes.damaged.filter(isKept) : [], scrubbed.damaged),
    lost: add(isSame ? notes.lost.filter(({ slice: from }) => from !== slice) : [], scrubbed.lost),
  };
}
