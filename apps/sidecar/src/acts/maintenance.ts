import type { ActContext } from "./act-context.ts";

/** Longer than any reload or restart may take: the end is told as soon as the work has ended. */
const maintenanceMs = 300_000;
const drainMsMax = 10_000;
/** A server that hangs or is gone finishes nothing: waiting for it would only make the repair late. */
const drainHungMsMax = 1000;

/**
 * While the model is replaced silence and wrong answers are expected: they count neither as failures nor as proofs,
 * and everything is asked anew when it has ended.
 */
export async function inMaintenance<T>(
  { drive, ladder, clock }: ActContext,
  reason: string,
  work: () => Promise<T>,
): Promise<T> {
  const tell = (untilMs: number): void => {
    const atMs = clock.monotonicMs();
    drive.put({
      kind: "finding",
      finding: {
        probe: { kind: "maintenance", atMs, untilMs, reason },
        startedMs: atMs,
        timeout: false,
      },
    });
    drive.turn();
  };
  ladder.goldens.pause(true);
  tell(clock.monotonicMs() + maintenanceMs);
  try {
    return await work();
  } finally {
    ladder.goldens.reset();
    tell(clock.monotonicMs());
    ladder.goldens.pause(false);
  }
}

/** New requests go to a fit instance, those in flight may end; without such an instance nothing is moved. */
export async function whileDrained<T>(context: ActContext, by: string, work: () => Promise<T>): Promise<T> {
  const { drive, tap, peerFit } = context;
  drive.put({ kind: "drain", by, on: true });
  drive.turn();
  try {
    if (tap && peerFit()) {
      const { verdict } = drive.state().health;
      const isStill =
        verdict.kind === "failed" && (verdict.failure === "hung" || verdict.failure === "process-gone");
      await drive.until(() => tap.progress().ownInflight === 0, isStill ? drainHungMsMax : drainMsMax);
    }
    return await work();
  } finally {
    drive.put({ kind: "drain", by, on: false });
    drive.turn();
  }
}
