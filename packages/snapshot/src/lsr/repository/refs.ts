import { Fault } from "@locum/contracts";
import { z } from "zod";
import { corrupt } from "../corrupt.ts";
import { peekStub } from "./list-snapshots.ts";
import { readLatest, type Series, writeNext } from "./numbered.ts";
import type { Repository } from "./repository.ts";
import { ulidPattern } from "./ulid.ts";

export type RefName = { model: string; channel: string };
export type Ref = RefName & { snapshot: string | null; at: string; by: string; number: bigint };

const namePattern = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const members = z.object({
  snapshot: z.string().regex(ulidPattern).nullable(),
  at: z.string().max(40),
  by: z.string().max(200),
});
/** Channels that promise a snapshot that can be restored: none whose source changed while it was read. */
const wholeOnly: ReadonlySet<string> = new Set(["last-known-good", "last-verified", "last-drill-passed"]);

export const isWholeOnly = (channel: string): boolean => wholeOnly.has(channel);

/** @throws Fault request-invalid */
export function checkRefName({ model, channel }: RefName): void {
  if (!namePattern.test(model) || !namePattern.test(channel))
    throw new Fault("request-invalid", `refs/${model}/${channel}: expected names of a-z, 0-9, ., _ and -`);
}

/** Undefined where the channel was never moved. @throws Fault snapshot-corrupt: its HMAC is right, its JSON is not */
export async function readRef(repository: Repository, name: RefName): Promise<Ref | undefined> {
  const series = seriesOf(name);
  const latest = await readLatest(repository, series);
  if (!latest) return undefined;
  const { data } = members.safeParse(latest.members);
  if (!data) throw corrupt(`the newest of ${series.folder} is no ref`);
  return { ...name, ...data, number: latest.number };
}

/**
 * Moves a channel, if it still points where `expected` says (a snapshot's id, or null for nowhere). `snapshot: null`
 * lets go of what it held.
 * @throws Fault conflict: it points elsewhere, or another moved it now · snapshot-missing: no such snapshot ·
 *   refused: the snapshot is torn and the channel is for whole ones
 */
export async function moveRef(
  repository: Repository,
  name: RefName,
  { snapshot, by, expected }: { snapshot: string | null; by: string; expected: string | null },
): Promise<Ref> {
  const series = seriesOf(name);
  if (snapshot !== null) await checkSnapshot(repository, name, snapshot);
  const seen = await readLatest(repository, series);
  const current = members.safeParse(seen?.members).data?.snapshot ?? null;
  if (current !== expected)
    throw new Fault("conflict", `${series.folder} points to ${current}, expected ${expected}`);
  const next = { snapshot, at: new Date(repository.wallMs()).toISOString(), by };
  const { number } = await writeNext(repository, series, { seen, members: next });
  return { ...name, ...next, number };
}

/** Every channel of every model, as it stands. @throws Fault snapshot-corrupt: a channel has files and none counts */
export async function listRefs(repository: Repository): Promise<Ref[]> {
  const names = new Map<string, RefName>();
  for await (const { name } of repository.store.list("refs/")) {
    const [, model = "", channel = "", number = ""] = name.split("/");
    if (namePattern.test(model) && namePattern.test(channel) && /^[0-9a-f]{16}$/.test(number))
      names.set(`${model}/${channel}`, { model, channel });
  }
  const refs: Ref[] = [];
  for (const [path, name] of names) {
    const ref = await readRef(repository, name);
    // Taken for absent it would let go of a snapshot that somebody holds.
    if (!ref) throw corrupt(`no file of refs/${path} was written with this repository's id key`);
    refs.push(ref);
  }
  return refs;
}

async function checkSnapshot(repository: Repository, { model, channel }: RefName, id: string): Promise<void> {
  const stub = await peekStub(repository.store, id);
  if (stub.model !== model) throw new Fault("refused", `snapshot ${id} is of ${stub.model}, not of ${model}`);
  if (stub.torn && isWholeOnly(channel))
    throw new Fault("refused", `snapshot ${id} is torn: its source changed while it was read`, {
      hint: "Take another one; a torn snapshot never becomes the last known good.",
    });
}

function seriesOf(name: RefName): Series {
  checkRefName(name);
  return { folder: `refs/${name.model}/${name.channel}/`, ending: "" };
}
