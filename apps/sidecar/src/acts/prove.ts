import { goldensToAsk } from "@locum/coordination";
import { type ActContext, done, failed, type Outcome } from "./act-context.ts";

/** The whole set, from now on: done when all of it passed after this moment. */
export async function proveAll(context: ActContext, sinceMs: number, what: string): Promise<Outcome> {
  const { drive, ladder, clock } = context;
  ladder.goldens.askAll();
  const count = goldensToAsk(drive.state().health).length;
  const withinMs = Math.min(60_000, 3000 + 2 * count * ladder.timeoutMs());
  const isProven = () => {
    const { goldens, provenAgeMs } = drive.fitness();
    const passed =
      goldens === "proven" && provenAgeMs !== null && clock.monotonicMs() - provenAgeMs >= sinceMs;
    return passed && drive.state().health.verdict.kind !== "failed";
  };
  await drive.until(() => ["none", "failed"].includes(drive.fitness().goldens) || isProven(), withinMs);
  const { goldens } = drive.fitness();
  if (goldens === "none") return answersAtAll(context, what);
  if (isProven()) return done(`${what}; ${count} goldens pass`);
  const { verdict } = drive.state().health;
  const evidence = verdict.evidence.map(({ detail }) => detail).join("; ");
  return failed("upstream-refused", `${what}, but the goldens are ${goldens}: ${evidence}`.slice(0, 1000));
}

/** A service without goldens has nothing to prove by: being up has to do. */
async function answersAtAll({ upstream, config }: ActContext, what: string): Promise<Outcome> {
  const { ok, detail } = await upstream
    .server()
    .ready(undefined, { timeoutMs: config.service.probe.timeoutMs });
  return ok
    ? done(`${what}; ready, no goldens to ask`)
    : failed("upstream-refused", `${what}, not ready: ${detail}`);
}
