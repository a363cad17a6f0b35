import { Fault } from "@locum/contracts";
import { limits } from "../limits.ts";
import { type Blob, readBlob } from "../store/blob-store.ts";
import { macLine, openMacLine } from "./mac-line.ts";
import type { Repository } from "./repository.ts";

/** A series of files that only grows: each move takes the next number, and of two who try it one succeeds. */
export type Series = { folder: string; ending: string };

export type Latest = { number: bigint; members: Record<string, unknown>; modifiedMs: number };

type Numbered = { number: bigint; blob: Blob };

/** Refs keep a little of their past, for who read a number a moment ago and for the curious. */
const keptNumbers = 16;
/** A forger may fill numbers, but not make a reader open more than so many of them. */
const invalidMax = 64;

/** The highest number that was written with the id key; undefined where there is none. */
export async function readLatest(repository: Repository, series: Series): Promise<Latest | undefined> {
  return (await look(repository, series)).latest;
}

/**
 * Writes the number after `seen` (what `readLatest` gave). @throws Fault conflict: another was faster
 */
export async function writeNext(
  repository: Repository,
  series: Series,
  { seen, members }: { seen: Latest | undefined; members: Record<string, unknown> },
): Promise<Latest> {
  const before = await look(repository, series);
  if (before.latest?.number !== seen?.number) throw lost(series);
  // A number that is taken by a file without a valid HMAC is passed over: it must not stop the series.
  let number = (seen?.number ?? 0n) + 1n;
  const taken = new Set(before.all.map((each) => each.number));
  while (taken.has(number)) number++;
  const name = nameOf(series, number);
  if (!(await repository.store.create(name, [macLine(repository.macKey, name, members)]))) throw lost(series);
  // Old numbers are deleted, so one that was free may have been used before: then a higher one is there.
  const after = await look(repository, series);
  if (after.latest?.number !== number) throw lost(series);
  for (const { number: old, blob } of after.all)
    if (old + BigInt(keptNumbers) <= number) await repository.store.remove(blob.name).catch(unlessNotAllowed);
  return after.latest;
}

/** A writer may have credentials that remove nothing; whoever moves it with others tidies up. */
function unlessNotAllowed(error: unknown): void {
  if (!(error instanceof Fault && error.code === "not-authorised")) throw error;
}

/** Whether a number above this one was written with the id key. */
export async function isOvertaken(repository: Repository, series: Series, number: bigint): Promise<boolean> {
  const latest = await readLatest(repository, series);
  return latest === undefined || latest.number > number;
}

async function look(
  repository: Repository,
  series: Series,
): Promise<{ all: Numbered[]; latest: Latest | undefined }> {
  const all: Numbered[] = [];
  for await (const blob of repository.store.list(series.folder)) {
    const rest = blob.name.slice(series.folder.length);
    if (
      rest.length === 16 + series.ending.length &&
      /^[0-9a-f]{16}/.test(rest) &&
      rest.endsWith(series.ending)
    )
      all.push({ number: BigInt(`0x${rest.slice(0, 16)}`), blob });
  }
  all.sort((a, b) => (a.number < b.number ? 1 : -1));
  let invalid = 0;
  for (const { number, blob } of all) {
    const members = await readMembers(repository, blob.name);
    if (members) return { all, latest: { number, members, modifiedMs: blob.modifiedMs } };
    if (++invalid > invalidMax) break;
  }
  return { all, latest: undefined };
}

async function readMembers(repository: Repository, name: string) {
  try {
    const bytes = await readBlob(repository.store, name, limits.macLine);
    return openMacLine(repository.macKey, name, bytes);
  } catch (error) {
    // Deleted since it was listed, or not written by one of us: the next lower one counts.
    if (error instanceof Fault && ["snapshot-missing", "snapshot-corrupt"].includes(error.code))
      return undefined;
    throw error;
  }
}

const nameOf = ({ folder, ending }: Series, number: bigint): string =>
  `${folder}${number.toString(16).padStart(16, "0")}${ending}`;

const lost = ({ folder }: Series): Fault =>
  new Fault("conflict", `another moved ${folder} meanwhile`, { hint: "Read it again and decide again." });
