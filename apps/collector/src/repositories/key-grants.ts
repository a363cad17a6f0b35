import { Fault } from "@locum/contracts";
import type { Clock } from "@locum/runtime";

export const grantMs = 600_000;
/** A restore asks for sixty-four files at a time: so many calls at once, and so many a second after that. */
const calls = { burst: 40, perSecond: 10 };
/** A new snapshot's keys: an instance restores one now and then, and whoever collects them all is slowed down. */
const grants = { burst: 6, perSecond: 1 / 60 };
const instancesMax = 10_000;

type Bucket = { left: number; atMs: number };
type Rate = { burst: number; perSecond: number };

/** Who may have keys of which snapshot until when, and how often they may ask. Nothing of it outlives the process. */
export type KeyGrants = {
  /**
   * `again` where a grant runs; else `first`, from whose success on one runs. Who asks while another's `first` is under
   * way waits for it: one restore is one grant.
   * @throws Fault too-many-requests, and what they throw
   */
  use<T>(who: string, snapshot: string, acts: { first(): Promise<T>; again(): Promise<T> }): Promise<T>;
};

export function createKeyGrants(clock: Pick<Clock, "monotonicMs">): KeyGrants {
  const untilMs = new Map<string, number>();
  const buckets = new Map<string, Bucket>();
  const making = new Map<string, Promise<void>>();

  function take(name: string, { burst, perSecond }: Rate): void {
    const nowMs = clock.monotonicMs();
    const { left, atMs } = buckets.get(name) ?? { left: burst, atMs: nowMs };
    const now = Math.min(burst, left + ((nowMs - atMs) / 1000) * perSecond);
    if (now < 1) throw new Fault("too-many-requests", `keys were asked for too often by ${name}`);
    const [oldest] = buckets.keys();
    if (buckets.size >= 2 * instancesMax && oldest !== undefined) buckets.delete(oldest);
    buckets.delete(name);
    buckets.set(name, { left: now - 1, atMs: nowMs });
  }

  function forgetEnded(): void {
    const nowMs = clock.monotonicMs();
    for (const [name, until] of untilMs) if (until <= nowMs) untilMs.delete(name);
  }

  return {
    async use(who, snapshot, { first, again }) {
      const name = `${who} ${snapshot}`;
      for (let other = making.get(name); other; other = making.get(name)) await other;
      take(`${who} calls`, calls);
      if ((untilMs.get(name) ?? 0) > clock.monotonicMs()) return again();
      take(`${who} snapshots`, grants);
      const working = first();
      const ended = working.then(
        () => {},
        () => {},
      );
      making.set(name, ended);
      try {
        const result = await working;
        forgetEnded();
        untilMs.set(name, clock.monotonicMs() + grantMs);
        return result;
      } finally {
        making.delete(name);
      }
    },
  };
}
