import { goldensToAsk, type Health } from "@locum/coordination";
import { type PacePolicy, type PaceView, paceOf } from "./golden-pace.ts";
import type { GoldenRound } from "./golden-round.ts";

/** A part of the set that is asked at a pace of its own. */
export type Lane = Pick<PaceView, "verdict" | "suspicion"> & { name: string; ids: readonly string[] };

/**
 * One lane for a server that is judged as one. Of several models those that are right go on being asked one golden
 * after the other while a wrong one is asked in rounds: they share its server, not its trouble.
 */
export function lanesOf(health: Health): Lane[] {
  const { verdict, goldens, bytes, models } = health;
  const nobodys = bytes.state === "unapproved";
  const whole = { name: "", ids: goldensToAsk(health), verdict: verdict.kind };
  if (Object.keys(models).length === 0)
    return [{ ...whole, suspicion: nobodys || goldens.suspectSinceMs !== null }];
  if (verdict.kind !== "healthy") return [{ ...whole, suspicion: nobodys }];
  const groups = Object.groupBy(Object.entries(models), ([, model]) =>
    model.verdict.kind === "failed"
      ? "failed"
      : model.verdict.kind === "healthy" && model.goldens.suspectSinceMs === null
        ? "healthy"
        : "suspect",
  );
  return (["healthy", "suspect", "failed"] as const).flatMap((name) => {
    const names = groups[name]?.map(([model]) => model) ?? [];
    if (names.length === 0) return [];
    return [{ name, ids: goldensToAsk(health, names), verdict: name, suspicion: nobodys }];
  });
}

type Measured = Pick<PaceView, "traffic" | "yields" | "capacityPerSecond" | "goldenMs">;

/** Asks what is due in each lane now. */
export function createLanes(
  goldens: Pick<GoldenRound, "tick">,
  policy: PacePolicy,
): { tick(health: Health, measured: Measured): void } {
  let failedRounds = 0;
  return {
    tick(health, measured) {
      const lanes = lanesOf(health);
      if (!lanes.some(({ verdict }) => verdict === "failed")) failedRounds = 0;
      for (const lane of lanes) {
        const pace = paceOf({ ...measured, ...lane, count: lane.ids.length, failedRounds }, policy);
        if (goldens.tick(pace, lane) && lane.verdict === "failed") failedRounds += 1;
      }
    },
  };
}
