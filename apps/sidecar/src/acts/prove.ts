import { goldensToAsk } from "@locum/coordination";
import { type ActContext, done, failed, type Outcome } from "./act-context.ts";
import type { ModelScope } from "./model-scope.ts";

/** The whole set, from now on: done when all of it passed after this moment. */
export async function proveAll(
  context: ActContext,
  sinceMs: number,
  what: string,
  scope: ModelScope = null,
): Promise<Outcome> {
  if (scope) return proveModels(context, { sinceMs, what, scope });
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

/** The same of some models: what their neighbours answer meanwhile is another story. */
async function proveModels(
  { drive, ladder, clock }: ActContext,
  { sinceMs, what, scope }: { sinceMs: number; what: string; scope: readonly string[] },
): Promise<Outcome> {
  ladder.goldens.ask({ kind: "all-goldens", models: scope });
  const count = goldensToAsk(drive.state().health, scope).length;
  const left = () => {
    const { models } = drive.fitness();
    const { health } = drive.state();
    return scope.filter((name) => {
      const { goldens, provenAgeMs = null } = models[name] ?? {};
      const passed =
        goldens === "proven" && provenAgeMs !== null && clock.monotonicMs() - provenAgeMs >= sinceMs;
      return !passed || health.models[name]?.verdict.kind === "failed";
    });
  };
  const isOver = () => {
    const { models } = drive.fitness();
    return left().every((name) => models[name]?.goldens === "failed");
  };
  await drive.until(isOver, Math.min(60_000, 3000 + 2 * count * ladder.timeoutMs()));
  const wrong = left();
  if (wrong.length === 0) return done(`${what}; ${count} goldens pass`);
  const { health } = drive.state();
  const evidence = wrong.flatMap((name) => health.models[name]?.verdict.evidence ?? []);
  const why = evidence.map(({ detail }) => detail).join("; ");
  return failed("upstream-refused", `${what}, but not right: ${wrong.join(", ")}: ${why}`.slice(0, 1000));
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
