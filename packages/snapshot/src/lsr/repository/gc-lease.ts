import { Fault } from "@locum/contracts";
import { isOvertaken, type Latest, readLatest, type Series, writeNext } from "./numbered.ts";
import type { Repository } from "./repository.ts";

const series: Series = { folder: "locks/gc/", ending: ".json" };
const leaseMs = 30_000;
const renewAfterMs = 10_000;
/** A lease that claims more than anybody takes comes from a clock that was wrong: it holds nobody up. */
const believedMs = 10 * leaseMs;

/** The right to delete. Its number only grows: who holds a lower one than the highest stops. */
export type Lease = {
  /** The storage's clock when the lease was taken: what ages are compared with. */
  storageMs: number;
  /** To be called before each deletion. Renews when it is time. @throws Fault conflict: another holds it now */
  keep(): Promise<void>;
  /** Lets the next one begin at once. */
  release(): Promise<void>;
};

/** @throws Fault conflict: another collects, and how long its lease runs */
export async function takeLease(repository: Repository, holder: string): Promise<Lease> {
  const seen = await readLatest(repository, series);
  const now = repository.wallMs();
  const left = expiryOf(seen) - now;
  if (left > 0 && left <= believedMs)
    throw new Fault("conflict", `${String(seen?.members.holder)} collects garbage, for ${left} ms at least`);
  const write = (seen: Latest | undefined, expiresMs: number) => {
    const members = { holder, expiresAt: new Date(expiresMs).toISOString() };
    return writeNext(repository, series, { seen, members });
  };
  let mine = await write(seen, now + leaseMs);
  let renewedMs = now;
  const { modifiedMs } = mine;
  return {
    storageMs: modifiedMs,
    async keep() {
      if (await isOvertaken(repository, series, mine.number))
        throw new Fault("conflict", "another collects garbage now; this run stops");
      const at = repository.wallMs();
      if (Math.abs(at - renewedMs) < renewAfterMs) return;
      mine = await write(mine, at + leaseMs);
      renewedMs = at;
    },
    async release() {
      await write(mine, 0);
    },
  };
}

function expiryOf(lease: Latest | undefined): number {
  const at = lease?.members.expiresAt;
  const ms = typeof at === "string" ? Date.parse(at) : Number.NaN;
  return Number.isNaN(ms) ? 0 : ms;
}
