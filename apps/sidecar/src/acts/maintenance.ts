import type { ActContext } from "./act-context.ts";
import type { ModelScope } from "./model-scope.ts";

/** Longer than any reload or restart may take: the end is told as soon as the work has ended. */
const maintenanceMs = 300_000;
const drainMsMax = 10_000;
/** A server that hangs or is gone finishes nothing: waiting for it would only make the repair late. */
const drainHungMsMax = 1000;

/**
 * While the model is replaced silence and wrong answers are expected: they count neither as failures nor as proofs,
 * and everything is asked anew when it has ended. Models beside those of the scope go on being asked and judged.
 */
export async function inMaintenance<T>(
  { drive, ladder, clock }: ActContext,
  reason: string,
  work: () => Promise<T>,
  scope: ModelScope = null,
): Promise<T> {
  const tell = (untilMs: number): void => {
    const atMs = clock.monotonicMs();
    drive.put({
      kind: "finding",
      finding: {
        probe: { kind: "maintenance", atMs, untilMs, reason, ...(scope ? { models: [...scope] } : {}) },
        startedMs: atMs,
        timeout: false,
      },
    });
    drive.turn();
  };
  ladder.goldens.pause(true, scope);
  tell(clock.monotonicMs() + maintenanceMs);
  try {
    return await work();
  } finally {
    ladder.goldens.reset(scope);
    tell(clock.monotonicMs());
    ladder.goldens.pause(false, scope);
  }
}

/** New requests go to a fit instance, those in flight may end; without such an instance nothing is moved. */
export async function whileDrained<T>(
  context: ActContext,
  by: string,
  work: () => Promise<T>,
  scope: ModelScope = null,
): Promise<T> {
  const { drive, tap, peerFit } = context;
  const models = scope ?? undefined;
  drive.put({ kind: "drain", by, on: true, models });
  drive.turn();
  try {
    if (tap && peerFit(scope)) {
      const held = () => (scope ? context.work.inflight(scope) : tap.progress().ownInflight);
      await drive.until(() => held() === 0, isStill(context, scope) ? drainHungMsMax : drainMsMax);
    }
    return await work();
  } finally {
    drive.put({ kind: "drain", by, on: false, models });
    drive.turn();
  }
}

function isStill({ drive }: ActContext, scope: ModelScope): boolean {
  const { health } = drive.state();
  const verdicts = scope ? scope.map((name) => health.models[name]?.verdict) : [health.verdict];
  return verdicts.some(
    (verdict) =>
      verdict?.kind === "failed" && (verdict.failure === "hung" || verdict.failure === "process-gone"),
  );
}
