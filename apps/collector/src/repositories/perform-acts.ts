import { type AuditEvent, Fault, type Release } from "@locum/contracts";
import type { Clock } from "@locum/runtime";
import type { AuditGate } from "../audit-gate.ts";
import type { Perform } from "./keep-repository.ts";
import { type DrillNote, type Notes, withSlice } from "./notes.ts";
import type { Keep, KnownRelease, RepositoryJobs, Seen } from "./repository-jobs.ts";

type Note = (event: Pick<AuditEvent, "kind" | "service" | "reason"> & Partial<AuditEvent>) => Promise<void>;
export type Ledger = { note: Note; gate: Pick<AuditGate, "assertOpen" | "fault"> };

export type PerformDeps = Ledger & {
  place: string;
  jobs: RepositoryJobs;
  keep: Keep;
  slices: number;
  bytesPerSecond: number;
  services: () => string[];
  releasesOf: (service: string) => readonly Release[];
  isProven: (service: string, release: string) => boolean;
  /** Who works, with the term of this leadership: in leases, and by channels that move. */
  holder: string;
  clock: Pick<Clock, "wallMs" | "monotonicMs">;
};

/** An event's fact holds a thousand characters: so many ids fit. */
const idsAtOnce = 32;

/** The acts on one repository. What deletes is in the audit log before it begins; what only reads, when it has ended. */
export const performActs =
  (deps: PerformDeps): Perform =>
  async (act, { seen, notes }) => {
    if (act === "prune") return forgetAndPrune(deps, notes);
    if (act === "scrub") return scrub(deps, notes);
    return drill(deps, act.slice("drill ".length), { seen, notes });
  };

async function forgetAndPrune(deps: PerformDeps, notes: Notes): Promise<Notes> {
  const { jobs, keep, services, place, holder, clock } = deps;
  const { ids, models } = await jobs.planForget({ keep, services: services() });
  const planned = ids.map((id, at) => ({ id, model: models[at] ?? "" }));
  for (const [service, own] of Map.groupBy(planned, ({ model }) => model))
    for (let at = 0; at < own.length; at += idsAtOnce) {
      const part = own.slice(at, at + idsAtOnce).map(({ id }) => id);
      const facts = { repository: place, snapshots: part.join(" "), count: part.length };
      const event = { kind: "snapshot.forget", service, reason: "no rule of retention keeps them" } as const;
      await recorded(deps, { ...event, facts }, async () => {
        await jobs.forget({ ids: part });
        return {};
      });
    }
  const event = { kind: "snapshot.prune", service: "locum", reason: "space that no snapshot needs" } as const;
  await recorded(deps, { ...event, facts: { repository: place } }, async () => {
    const { damaged, ...pruned } = await jobs.prune({ holder });
    return { ...pruned, damaged: damaged.length };
  });
  return { ...notes, prunedAtMs: clock.wallMs() };
}

async function scrub(deps: PerformDeps, notes: Notes): Promise<Notes> {
  const { jobs, slices: of, bytesPerSecond, holder, note, place, clock } = deps;
  const startMs = clock.monotonicMs();
  const known = notes.damagedPacks.map(({ name }) => name);
  const scrubbed = await jobs.scrub({ of, bytesPerSecond, holder, damaged: known });
  const { packs, bytes, mended, lost, slice } = scrubbed;
  const damaged = [...scrubbed.damaged, ...scrubbed.damagedManifests];
  await note({
    kind: "snapshot.scrub",
    service: "locum",
    reason: damaged.length > 0 ? `damaged: ${damaged.slice(0, 8).join(" ")}`.slice(0, 1000) : "",
    facts: {
      repository: place,
      outcome: damaged.length > 0 ? "damaged" : "sound",
      ...{ slice, slices: of },
      ...{ packs, bytes, mended, damaged: damaged.length, lost: lost.length },
      tookMs: Math.round(clock.monotonicMs() - startMs),
    },
  });
  return withSlice(notes, { of, atMs: clock.wallMs(), scrubbed });
}

async function drill(
  deps: PerformDeps,
  service: string,
  { seen, notes }: { seen: Seen; notes: Notes },
): Promise<Notes> {
  const { jobs, note, place, clock, holder } = deps;
  const drilled: Notes = { ...notes, drilledAtMs: clock.wallMs() };
  const newest = newestWhole(service, seen);
  if (!newest) return drilled;
  const releases = knownReleases(deps, service);
  const startMs = clock.monotonicMs();
  const result = await jobs
    .drill({ service, id: newest, releases, by: holder })
    .catch((error: unknown) => failedOrThrow(error));
  const passed = result instanceof Fault ? nothing : result;
  const drillNote: DrillNote = {
    snapshot: newest,
    atMs: clock.wallMs(),
    outcome: result instanceof Fault ? "failed" : "passed",
    code: result instanceof Fault ? result.code : "ok",
    detail: result instanceof Fault ? result.message.slice(0, 2000) : "",
    files: passed.files,
    bytes: passed.bytes,
    planMs: Math.round(passed.planMs),
    fetchMs: Math.round(passed.fetchMs),
    decodeMs: Math.round(passed.decodeMs),
    release: passed.release,
  };
  const { atMs: _, detail, ...facts } = drillNote;
  const { mended } = passed;
  const moved = passed.moved.join(" ");
  await note({
    kind: "snapshot.drill",
    service,
    reason: detail.slice(0, 1000),
    facts: { repository: place, ...facts, mended, moved, tookMs: Math.round(clock.monotonicMs() - startMs) },
  });
  return { ...drilled, drills: { ...notes.drills, [service]: drillNote } };
}

const nothing = {
  files: 0,
  bytes: 0,
  planMs: 0,
  fetchMs: 0,
  decodeMs: 0,
  release: null,
  mended: 0,
  moved: [] as string[],
};

/** Damage is the result of a drill; a storage that does not answer is none, and the drill is due still. */
function failedOrThrow(error: unknown): Fault {
  if (
    error instanceof Fault &&
    ["snapshot-corrupt", "snapshot-missing", "not-authorised"].includes(error.code)
  )
    return error;
  throw error;
}

/** By the storage's clock: an id says its writer's time, which may be any. */
const newestWhole = (service: string, { snapshots }: Seen): string | undefined =>
  snapshots
    .filter(({ model, torn }) => model === service && !torn)
    .toSorted((a, b) => b.storedAtMs - a.storedAtMs || (a.id < b.id ? 1 : -1))[0]?.id;

const knownReleases = ({ releasesOf, isProven }: PerformDeps, service: string): KnownRelease[] =>
  releasesOf(service).flatMap(({ digest, body: { tree } }) =>
    tree
      ? [
          {
            digest,
            proven: isProven(service, digest),
            files: tree.files.map(({ path, size, digest }) => ({ path, size, digest })),
          },
        ]
      : [],
  );

type Recorded = Pick<AuditEvent, "kind" | "service" | "reason"> &
  Partial<AuditEvent> & { facts: AuditEvent["facts"] };

/**
 * On disk, then done, then its result. Behind a shut gate nothing is done, and that follows into the log.
 * @throws Fault what it throws · disk-full · storage-failed: it could not be recorded, and was not done
 */
export async function recorded<F extends AuditEvent["facts"]>(
  { note, gate }: Ledger,
  event: Recorded,
  work: () => Promise<F>,
): Promise<F> {
  gate.assertOpen();
  await note({ ...event, facts: { ...event.facts, outcome: "begun" } });
  const shut = gate.fault();
  if (shut) {
    const facts = { ...event.facts, outcome: "refused", code: shut.code };
    await note({ ...event, reason: "it could not be recorded before", facts });
    throw new Fault(shut.code, `not done: it could not be recorded (${shut.message})`);
  }
  try {
    const result = await work();
    await note({ ...event, facts: { ...event.facts, ...result, outcome: "done", code: "ok" } });
    return result;
  } catch (error) {
    const code = error instanceof Fault ? error.code : "internal";
    const reason = (error as Error).message.slice(0, 1000);
    await note({ ...event, reason, facts: { ...event.facts, outcome: "failed", code } });
    throw error;
  }
}
