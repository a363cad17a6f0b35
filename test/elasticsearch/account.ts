import type { DataStream } from "./data-streams.ts";

export type Account = {
  /** Ids that are there. */
  found: number;
  lost: string[];
  /** There more than once: in more than one backing index. */
  doubled: string[];
  /** There, and nobody's. */
  strange: string[];
};

/** How documents stand against the ids that ought to be there. Lists are cut at a thousand. */
export function accountOf(ids: Iterable<string>, streams: readonly DataStream[]): Account {
  const times = new Map<string, number>();
  for (const { indices } of streams)
    for (const { documents } of indices)
      for (const id of documents.keys()) times.set(id, (times.get(id) ?? 0) + 1);
  const account: Account = { found: 0, lost: [], doubled: [], strange: [] };
  for (const id of ids) {
    const count = times.get(id) ?? 0;
    if (count === 0) account.lost.push(id);
    else account.found += 1;
    if (count > 1) account.doubled.push(id);
    times.delete(id);
  }
  account.strange.push(...times.keys());
  return {
    ...account,
    lost: account.lost.slice(0, listMax),
    doubled: account.doubled.slice(0, listMax),
    strange: account.strange.slice(0, listMax),
  };
}

const listMax = 1000;
