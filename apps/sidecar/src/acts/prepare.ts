import { goldensToAsk } from "@locum/coordination";
import { type ActContext, done, type Outcome, refused } from "./act-context.ts";

/** A small set is asked whole; of a large one so many say enough within the time that a promotion has. */
const wholeSetMax = 8;
const sampleMin = 3;

/** Proves bytes and goldens now, freshly: what was proven a minute ago may not be so any more. */
export async function prepare({ config, drive, ladder, bytes, clock }: ActContext): Promise<Outcome> {
  const sinceMs = clock.monotonicMs();
  // The answer has to arrive within the promotion's own time.
  const withinMs = config.service.failover.prepareMs * 0.8;
  const looked = bytes()?.check() ?? Promise.resolve();
  const ids = goldensToAsk(drive.state().health);
  const wanted = ids.length <= wholeSetMax ? ids.length : sampleMin;
  if (ids.length <= wholeSetMax) for (const id of ids) ladder.goldens.ask({ kind: "golden", id });
  else
    for (let count = 0; count < wanted; count += 1) ladder.goldens.ask({ kind: "another-golden", not: "" });
  const passed = () => {
    const { answers, current } = drive.state().health.goldens;
    const fresh = Object.values(answers).filter(
      ({ passedAtMs }) => current !== null && (passedAtMs[current] ?? Number.NEGATIVE_INFINITY) >= sinceMs,
    );
    return fresh.length;
  };
  const isOver = () => passed() >= wanted || drive.state().health.verdict.kind === "failed";
  await Promise.all([drive.until(isOver, withinMs), Promise.race([looked, clock.sleep(withinMs)])]);
  drive.turn();
  const { fit, goldens, release } = drive.fitness();
  const { verdict, bytes: files } = drive.state().health;
  if (verdict.kind !== "healthy")
    return refused(
      "refused",
      `${verdict.kind}: ${verdict.evidence.map(({ detail }) => detail).join("; ")}`.slice(0, 1000),
    );
  if (files.state === "unapproved") return refused("release-unapproved", files.detail);
  if (passed() < wanted) return refused("refused", `${passed()} of ${wanted} goldens passed just now`);
  if (!fit) return refused("refused", `not proven fit: goldens ${goldens}`);
  return done(
    `${wanted} goldens pass just now, files ${files.state}, release ${release?.slice(0, 19) ?? "none"}`,
  );
}
