import { describe, expect, it } from "vitest";
import { plantedBugs } from "./planted-bugs.ts";
import { simulate } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import type { Core } from "./world.ts";

const hours = 0.05;
/** The delivered core passes these; each planted bug must be found within the first of them. */
const seeds = 250;

const failureOf = ({ violations, crash }: ReturnType<typeof simulate>): string | null =>
  violations[0] ? `${violations[0].invariant}: ${violations[0].detail}` : crash ? String(crash) : null;

type Focus = (drawn: Scenario) => Scenario;

describe("the decision core in a world of faults", () => {
  it(`keeps its invariants in ${seeds} seeded worlds`, () => {
    const totals = { faults: 0, promotions: 0, restores: 0, fences: 0 };
    for (let seed = 1; seed <= seeds; seed++) {
      const outcome = simulate({ seed, hours });
      expect(failureOf(outcome), `npm run sim -- --seed ${seed} --hours ${hours} --trace`).toBeNull();
      for (const key of ["faults", "promotions", "restores", "fences"] as const)
        totals[key] += outcome.stats[key];
    }
    // A world in which nothing happens would keep every invariant, too.
    for (const figure of Object.values(totals)) expect(figure).toBeGreaterThan(seeds / 5);
  });

  it("is the same world for the same seed", () => {
    const [once, again, other] = [7, 7, 8].map((seed) => simulate({ seed, hours }));
    expect(again).toEqual(once);
    expect(other?.hash).not.toBe(once?.hash);
  });
});

describe("a guard of the core that is taken away", () => {
  it.each(plantedBugs)("is missed: $name", ({ core, found, focus = (drawn) => drawn }) => {
    const broken = firstFailure(core, focus);
    expect(broken?.failure, "no seed found it").toMatch(found);
    // The same world with the guard in place: it is the guard that is missed, not the world that is broken.
    expect(failureOf(simulate({ seed: broken?.seed ?? 0, hours, focus }))).toBeNull();
  });
});

function firstFailure(core: Core, focus: Focus): { seed: number; failure: string } | null {
  for (let seed = 1; seed <= seeds; seed++) {
    const failure = failureOf(simulate({ seed, hours, core, focus }));
    if (failure) return { seed, failure };
  }
  return null;
}
