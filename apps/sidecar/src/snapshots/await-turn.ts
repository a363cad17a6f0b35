import type { Clock, Random } from "@locum/runtime";
import type { Repository } from "@locum/snapshot/repository";

/** Between two instances of one service that want the same snapshot. */
const staggerMs = 2000;
const lookMs = 5000;
/** A writer that has not ended by then is gone, or is not worth waiting for. */
const writingMs = 1_800_000;

/**
 * Instances of one service have the same files: one at a time takes a snapshot, and the next ones see that it is there.
 * Two that begin at once all the same store the same chunks twice, and nothing is wrong. False where none is needed any
 * more.
 */
export async function awaitTurn(
  repository: Repository,
  {
    service,
    by,
    rank,
    isNeeded,
    clock,
    random,
    signal,
  }: {
    service: string;
    by: string;
    rank: number;
    isNeeded: () => Promise<boolean>;
    clock: Clock;
    random: Pick<Random, "next">;
    signal: AbortSignal;
  },
): Promise<boolean> {
  const { listIntents } = await import("@locum/snapshot/repository");
  await clock.sleep((rank + random.next()) * staggerMs, signal);
  let others: unknown[] = [];
  do {
    const before = others.length;
    others = (await listIntents(repository)).filter(
      ({ writer, startedMs }) =>
        writer !== by && writer?.startsWith(`sidecar:${service}/`) && clock.wallMs() - startedMs < writingMs,
    );
    // After the look at who writes: what ended before that look is seen.
    if (signal.aborted || !(await isNeeded())) return false;
    // A writer names its snapshot a moment after it has ended: one more look then.
    if (others.length === 0 && before === 0) return true;
    await clock.sleep(lookMs, signal);
  } while (!signal.aborted);
  return false;
}
