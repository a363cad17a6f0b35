import { z } from "zod";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const count = z.number().int().nonnegative().max(100_000);

/** How many are kept, of each model; the newest of each hour, day, week (from Monday) and month by UTC. */
export const retentionPolicy = z.strictObject({
  last: count.min(1).default(5),
  hourly: count.default(24),
  daily: count.default(7),
  weekly: count.default(5),
  monthly: count.default(12),
  /** Whatever was stored within this time stays: who writes many at once pushes nothing out before somebody looks. */
  withinMs: z.number().nonnegative().default(hourMs),
});
export type RetentionPolicy = z.infer<typeof retentionPolicy>;

export type RetentionSnapshot = {
  id: string;
  model: string;
  /** By its writer's clock: a claim. */
  capturedAtMs: number;
  /** By the storage's clock. */
  storedMs: number;
  /** Somebody read all of it and found it right. */
  verified: boolean;
  torn: boolean;
};

export type RetentionPlan = {
  /** Why each stays. */
  keep: { id: string; reasons: string[] }[];
  forget: string[];
  /** Their capture time cannot be true: they count as of when they were stored. */
  implausible: string[];
};

/** A snapshot is stored after it was captured, and not days after. */
const captureLagMs = dayMs;
const skewMs = 5 * 60_000;

const periods = [
  ["hourly", (ms: number) => Math.floor(ms / hourMs)],
  ["daily", (ms: number) => Math.floor(ms / dayMs)],
  // 1970 began on a Thursday.
  ["weekly", (ms: number) => Math.floor((ms / dayMs + 3) / 7)],
  ["monthly", (ms: number) => new Date(ms).getUTCFullYear() * 12 + new Date(ms).getUTCMonth()],
] as const;

/**
 * Which snapshots may be forgotten. Pure. Pinned ones (`pins`: id to what holds it: served, last-known-good,
 * last-drill-passed, pinned-*, a legal hold) stay, and of each model the newest verified one and the newest of all.
 * A writer may claim any capture time; it counts only near the time at which the storage got the file, so that forged
 * snapshots neither fill the past nor the future, where they would push out honest ones.
 */
export function planRetention(
  snapshots: readonly RetentionSnapshot[],
  {
    nowMs,
    policy = retentionPolicy.parse({}),
    pins = new Map(),
  }: {
    nowMs: number;
    policy?: RetentionPolicy;
    pins?: ReadonlyMap<string, readonly string[]>;
  },
): RetentionPlan {
  const reasons = new Map<string, string[]>();
  const keep = (each: Pick<RetentionSnapshot, "id"> | undefined, reason: string) =>
    each && reasons.set(each.id, [...(reasons.get(each.id) ?? []), reason]);
  for (const ofModel of Map.groupBy(snapshots, ({ model }) => model).values()) {
    const newest = ofModel.toSorted((a, b) => timeOf(b, nowMs) - timeOf(a, nowMs) || (a.id < b.id ? 1 : -1));
    for (const each of newest) for (const pin of pins.get(each.id) ?? []) keep(each, pin);
    keep(newest[0], "newest");
    keep(
      newest.find(({ verified }) => verified),
      "last verified",
    );
    for (const each of newest.slice(0, policy.last)) keep(each, "last");
    for (const each of newest) if (nowMs - each.storedMs < policy.withinMs) keep(each, "recent");
    for (const [name, numberOf] of periods)
      for (const each of oneOfEach(newest, { numberOf, nowMs, periodsMax: policy[name] })) keep(each, name);
  }
  return {
    keep: snapshots.flatMap(({ id }) => (reasons.has(id) ? [{ id, reasons: reasons.get(id) ?? [] }] : [])),
    forget: snapshots.flatMap(({ id }) => (reasons.has(id) ? [] : [id])),
    implausible: snapshots.flatMap((each) => (isPlausible(each) ? [] : [each.id])),
  };
}

/**
 * One of each period, of the newest periods that have any: a verified one, else one that was stored in the period in
 * which it says that it was captured (a forged one cannot be), else a whole one; of equals the newest.
 */
function oneOfEach(
  newest: readonly RetentionSnapshot[],
  { numberOf, nowMs, periodsMax }: { numberOf: (ms: number) => number; nowMs: number; periodsMax: number },
): RetentionSnapshot[] {
  const best = new Map<number, { snapshot: RetentionSnapshot; rank: number }>();
  for (const snapshot of newest) {
    const number = numberOf(timeOf(snapshot, nowMs));
    const isInTime = numberOf(snapshot.storedMs) === number;
    const rank = (snapshot.verified ? 4 : 0) + (isInTime ? 2 : 0) + (snapshot.torn ? 0 : 1);
    const other = best.get(number);
    if (!other || rank > other.rank) best.set(number, { snapshot, rank });
  }
  const latestFirst = [...best].toSorted(([a], [b]) => b - a);
  return latestFirst.slice(0, periodsMax).map(([, { snapshot }]) => snapshot);
}

const isPlausible = ({ capturedAtMs, storedMs }: RetentionSnapshot): boolean =>
  capturedAtMs <= storedMs + skewMs && capturedAtMs >= storedMs - captureLagMs;

const timeOf = (snapshot: RetentionSnapshot, nowMs: number): number =>
  Math.min(nowMs, isPlausible(snapshot) ? snapshot.capturedAtMs : snapshot.storedMs);
