import { Fault } from "@locum/contracts";
import { z } from "zod";
import { readLatest, type Series, writeNext } from "./numbered.ts";
import type { Repository } from "./repository.ts";

/** Packs are spread by the first 32 bits of their ids, which are hashes: a part of the numbers is a part of the bytes. */
export const idNumbers = 2 ** 32;

export const idNumberOf = (packId: string): number => Number.parseInt(packId.slice(0, 8), 16);

const series: Series = { folder: "scrub/", ending: ".json" };
const shape = z.object({
  next: z.number().int().min(0).max(idNumbers),
  startedAt: z.iso.datetime(),
  wholeSince: z.iso.datetime().nullable(),
});

export type ScrubCoverage = {
  /** Where the pass that is under way goes on: packs with lower numbers were read in it. */
  next: number;
  startedAt: string;
  /** Every pack that was there then was read after it; null until the first pass is through. */
  wholeSince: string | null;
};

/** As the repository remembers it, whoever scrubbed; what cannot be read counts for nothing. To be asked before packs are listed. */
export async function readCoverage(repository: Repository): Promise<ScrubCoverage> {
  const { data } = shape.safeParse((await readLatest(repository, series))?.members);
  if (data && data.next > 0) return data;
  return { next: 0, startedAt: timeOf(repository), wholeSince: data?.wholeSince ?? null };
}

/** With everything read below `next`; at the end the next pass begins. */
export function advanced(repository: Repository, before: ScrubCoverage, next: number): ScrubCoverage {
  if (next < idNumbers) return { ...before, next };
  return { next: 0, startedAt: timeOf(repository), wholeSince: before.startedAt };
}

/** Another who scrubs at the same time may be faster: what it noted stands, and some packs are read twice. */
export async function noteCoverage(repository: Repository, coverage: ScrubCoverage): Promise<void> {
  try {
    await writeNext(repository, series, { seen: await readLatest(repository, series), members: coverage });
  } catch (error) {
    if (!(error instanceof Fault && error.code === "conflict")) throw error;
  }
}

const timeOf = ({ wallMs }: Repository): string => new Date(wallMs()).toISOString();
