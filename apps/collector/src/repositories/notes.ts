import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256Hex } from "@locum/contracts";
import { type Log, writeFileAtomic } from "@locum/runtime";
import { z } from "zod";
import type { Scrubbed } from "./repository-jobs.ts";

const ms = z.number().nonnegative();
const name = z.string().max(1000);
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
    .object({ slice: z.number().int(), of: z.number().int(), atMs: ms, wholeSinceMs: ms.nullable() })
    .nullable(),
  damagedPacks: z.array(z.object({ name, atMs: ms })).max(1000),
  damagedManifests: z.array(name).max(1000),
  lost: z.array(name).max(100_000),
  drills: z.record(z.string().max(100), Drill),
  prunedAtMs: ms.nullable(),
  drilledAtMs: ms.nullable(),
});
export type Notes = z.infer<typeof Notes>;
export type DrillNote = z.infer<typeof Drill>;

const none: Notes = {
  scrub: null,
  damagedPacks: [],
  damagedManifests: [],
  lost: [],
  drills: {},
  prunedAtMs: null,
  drilledAtMs: null,
};
const namesMax = 1000;

export type NotesFile = { read(): Promise<Notes>; write(notes: Notes): Promise<void> };

/** What a collector remembers of its work on a repository: a restart knows the last drill, and what is damaged. */
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

/** A pack that was found damaged is named until a whole pass over all packs did not find it so again. */
export function withSlice(
  notes: Notes,
  { of, atMs, scrubbed }: { of: number; atMs: number; scrubbed: Scrubbed },
): Notes {
  const { slice, wholeSinceMs, damaged, damagedManifests, lost } = scrubbed;
  const before = notes.damagedPacks.filter(
    (one) => !damaged.includes(one.name) && (wholeSinceMs === null || one.atMs >= wholeSinceMs),
  );
  return {
    ...notes,
    scrub: { slice, of, atMs, wholeSinceMs },
    damagedPacks: [...before, ...damaged.map((name) => ({ name, atMs }))].slice(-namesMax),
    damagedManifests: damagedManifests.slice(0, namesMax),
    lost,
  };
}
