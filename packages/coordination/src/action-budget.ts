export type ActionBudget = { actionsMax: number; actionsWindowMs: number };
type Question = {
  /** When this action was taken on this instance before, on the clock of `nowMs`. */
  takenAt: readonly number[];
  /** How often it was taken in the failure at hand. */
  repeats: number;
  nowMs: number;
};

const backoffFirstMs = 1000;
const backoffMaxMs = 60_000;

/** Those that still count. The clock may have been set back: what lies as far ahead has left the window too. */
export const recentActions = (
  takenAt: readonly number[],
  nowMs: number,
  { actionsWindowMs }: ActionBudget,
): number[] => takenAt.filter((at) => Math.abs(nowMs - at) < actionsWindowMs);

/**
 * Whether an action may be taken on an instance now. The budget is spent after `actionsMax` within the window; what
 * did not help a moment ago is tried again later, and later still: 1 s, 2 s, 4 s, up to a minute. One rule for the
 * collector and for a sidecar that is alone.
 */
export function mayAct(
  { takenAt, repeats, nowMs }: Question,
  budget: ActionBudget,
): "now" | "later" | "spent" {
  const recent = recentActions(takenAt, nowMs, budget);
  const last = recent.at(-1);
  const backoffMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** (repeats - 1));
  if (repeats > 0 && last !== undefined && nowMs - last < backoffMs) return "later";
  return recent.length >= budget.actionsMax ? "spent" : "now";
}
