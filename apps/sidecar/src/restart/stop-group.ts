import { isGroupThere, isSameProcess, isThere, type ProcessId } from "../adapters/process-id.ts";
import { untilTrue } from "./until-true.ts";

/** What a kill needs to take effect; one that waits for a disk cannot be ended by anybody. */
const killedMsMax = 5000;

/**
 * Ends a child with all of its group: SIGTERM, after `stopMs` SIGKILL. A stopped process is let go on (SIGCONT), since
 * SIGTERM would wait for that for ever. True when nobody of the group is left; workers that outlived their parent
 * hold its port and its memory, so they go too.
 */
export async function stopGroup(
  leader: ProcessId,
  { stopMs, clock }: { stopMs: number; clock: { monotonicMs(): number; sleep(ms: number): Promise<void> } },
): Promise<boolean> {
  // Another process has the number by now, and leads a group of its own: ours is gone.
  if (!(await isSameProcess(leader)) && (await isThere(leader.pid))) return true;
  const isGone = async () => !(await isGroupThere(leader.pid));
  if (await isGone()) return true;
  signalGroup(leader.pid, "SIGTERM");
  signalGroup(leader.pid, "SIGCONT");
  if (await untilTrue(isGone, { clock, withinMs: stopMs })) return true;
  signalGroup(leader.pid, "SIGKILL");
  return untilTrue(isGone, { clock, withinMs: killedMsMax });
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left.
  }
}
