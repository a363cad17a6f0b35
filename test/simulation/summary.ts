import type { Outcome } from "./run.ts";

const round = (value: number): number => Math.round(value * 100) / 100;

/** The last line of `--json`: every figure of the table. */
export function summarize(outcomes: readonly Outcome[], seconds: number) {
  const sum = (figure: (outcome: Outcome) => number) =>
    outcomes.reduce((total, one) => total + figure(one), 0);
  const hours = sum((one) => one.hours);
  return {
    kind: "summary" as const,
    seeds: outcomes.length,
    hours: round(hours),
    seconds: round(seconds),
    clusterHoursPerSecond: round(hours / seconds),
    heartbeatMs: outcomes[0]?.scenario.plan.heartbeatMs ?? 0,
    events: sum((one) => one.events),
    decisions: sum((one) => one.stats.inputs),
    violations: sum((one) => one.violations.length + (one.crash === null ? 0 : 1)),
    faults: sum((one) => one.stats.faults),
    terms: sum((one) => one.stats.terms),
    promotions: sum((one) => one.stats.promotions),
    restores: sum((one) => one.stats.restores),
    reloads: sum((one) => one.stats.reloads),
    fences: sum((one) => one.stats.fences),
    diverts: sum((one) => one.stats.diverts),
    deploys: sum((one) => one.stats.deploys),
    orders: sum((one) => one.stats.orders),
  };
}
