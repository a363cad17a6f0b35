import { type ActContext, done, failed, type Outcome, refused } from "./act-context.ts";
import { inMaintenance, whileDrained } from "./maintenance.ts";
import { proveAll } from "./prove.ts";

const serveMsMax = 60_000;
/** Where the process is seen to live it is loading. Less than the maintenance that covers it. */
const loadMsMax = 150_000;
const pollMs = 100;

/** Runs the configured driver, waits until the server serves again, and asks all goldens. */
export async function restart(context: ActContext): Promise<Outcome> {
  return whileDrained(context, "restart", async () => {
    const ended = await inMaintenance(context, "restart", () => restartServer(context));
    if (ended.outcome !== "done") return ended;
    return proveAll(context, context.clock.monotonicMs(), ended.detail);
  });
}

/** The restart alone, for acts that are in maintenance already. */
export async function restartServer(context: ActContext): Promise<Outcome> {
  const { restartDriver, drive, clock } = context;
  if (!restartDriver) return refused("refused", "no restart driver is configured for this instance");
  const { verdict } = drive.state().health;
  const gone = verdict.kind === "failed" && verdict.failure === "process-gone";
  const { ok, detail } = await restartDriver.restart({ gone });
  if (!ok) return failed("restart-failed", detail);
  const sinceMs = clock.monotonicMs();
  if (await isServing(context)) return done(detail);
  const tookMs = Math.round(clock.monotonicMs() - sinceMs);
  return failed("upstream-unreachable", `${detail}, and not serving within ${tookMs} ms`);
}

/** Waits until server and models say that they are ready; longer while the process is known to be there. */
export async function isServing(context: ActContext): Promise<boolean> {
  const { upstream, models, restartDriver, clock, config } = context;
  const sinceMs = clock.monotonicMs();
  const { timeoutMs } = config.service.probe;
  for (;;) {
    const server = upstream.server();
    const answers = await Promise.all([
      server.live({ timeoutMs }),
      ...models().map((model) => server.ready(model, { timeoutMs })),
    ]);
    if (answers.every(({ ok }) => ok)) return true;
    const waitedMs = clock.monotonicMs() - sinceMs;
    if (waitedMs > serveMsMax && (waitedMs > loadMsMax || (await restartDriver?.isThere()) !== true))
      return false;
    await clock.sleep(pollMs);
  }
}
