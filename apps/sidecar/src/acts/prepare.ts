import { type Ask, goldensToAsk, type Health } from "@locum/coordination";
import { type ActContext, done, type Outcome, refused } from "./act-context.ts";

/** A small set is asked whole; of a large one so many say enough within the time that a promotion has. */
const wholeSetMax = 8;
const sampleMin = 3;
const modelSampleMin = 2;

/** Proves bytes and goldens now, freshly: what was proven a minute ago may not be so any more. */
export async function prepare({ config, drive, ladder, bytes, clock }: ActContext): Promise<Outcome> {
  const sinceMs = clock.monotonicMs();
  // The answer has to arrive within the promotion's own time.
  const withinMs = config.service.failover.prepareMs * 0.8;
  const looked = bytes()?.check() ?? Promise.resolve();
  const { asks, wanted } = questions(drive.state().health);
  for (const ask of asks) ladder.goldens.ask(ask);
  const passed = () => passedSince(drive.state().health, sinceMs);
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

type Questions = { asks: Extract<Ask, { kind: "golden" | "another-golden" }>[]; wanted: number };

/** The whole set where it is small, else some of it; of several models some of each, for one says nothing of another. */
function questions(health: Health): Questions {
  const models = Object.entries(health.models);
  const parts =
    models.length === 0
      ? [{ ids: goldensToAsk(health), least: sampleMin }]
      : models.map(([model, { goldens }]) => ({ model, ids: currentSet(goldens), least: modelSampleMin }));
  const all = parts.flatMap(({ ids }) => ids);
  if (all.length <= wholeSetMax)
    return { asks: all.map((id) => ({ kind: "golden", id })), wanted: all.length };
  const asks = parts.flatMap(({ ids, least, ...of }) =>
    ids.slice(0, least).map(() => ({ kind: "another-golden", not: "", ...of }) as const),
  );
  return { asks, wanted: asks.length };
}

/** What the release records that a model answers as. */
const currentSet = ({ approved, current }: Health["goldens"]): readonly string[] =>
  approved.find(({ digest }) => digest === current)?.goldens ?? [];

/** Passes since then, each by the release that its model answers as. */
function passedSince({ goldens, models }: Health, sinceMs: number): number {
  const several = Object.values(models).map((model) => model.goldens);
  const tallies = several.length > 0 ? several : [goldens];
  return tallies.reduce((sum, { answers, current }) => {
    const fresh = Object.values(answers).filter(
      ({ passedAtMs }) => current !== null && (passedAtMs[current] ?? Number.NEGATIVE_INFINITY) >= sinceMs,
    );
    return sum + fresh.length;
  }, 0);
}
