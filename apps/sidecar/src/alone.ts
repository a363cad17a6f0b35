import type { Act, Report } from "@locum/contracts";
import {
  mayAct,
  type Repair,
  recentActions,
  repairFor,
  repeatsOf,
  triedBy,
  wrongModels,
} from "@locum/coordination";
import type { SidecarConfig } from "./config.ts";
import type { DriveState } from "./drive.ts";

export type AloneView = {
  state: DriveState;
  report: Report;
  repairing: boolean;
  nowMs: number;
};

export type Alone = {
  /** What this sidecar does for its own instance now, by itself; null for nothing. */
  next(view: AloneView): { act: Act; why: string } | null;
  /** What `next` gave last was not even begun: it was not tried, and costs nothing of the budget. */
  unrun(): void;
};

/** Six heartbeats by default: a collector that pauses or starts again must not find its work done twice. */
const aloneAfterMs = 3000;

/**
 * Without a collector a sidecar restores and restarts its own instance by the same rule as the collector would, with
 * the same budget and back-off. It never promotes.
 */
export function createAlone({ service: { failover, snapshot } }: SidecarConfig): Alone {
  const spent = new Map<string, number[]>();
  let tried: string[] = [];
  let undo = (): void => {};

  const spend = (act: Extract<Repair, { kind: "act" }>["act"], nowMs: number): boolean => {
    const takenAt = spent.get(act.kind) ?? [];
    const repeats = repeatsOf(act, tried);
    if (mayAct({ takenAt, repeats, nowMs }, failover) !== "now") return false;
    spent.set(act.kind, [...recentActions(takenAt, nowMs, failover), nowMs]);
    return true;
  };
  return {
    next({ state, report, repairing, nowMs }) {
      const isRight = report.verdict.kind === "healthy" && wrongModels(report).length === 0;
      if (isRight && report.bytes !== "unapproved") {
        tried = [];
        return null;
      }
      const isAlone = nowMs - Math.max(state.heardAtMs, state.stallEndMs) > aloneAfterMs;
      if (!isAlone || repairing || failover.mode === "dry-run" || state.policy?.paused) return null;
      const repair = repairFor(report, {
        onUnapproved: failover.onUnapproved,
        settleMs: snapshot.settleMs,
        frozen: state.policy?.frozen ?? [],
        frozenModels: state.policy?.frozenModels,
        rollbackTo: null,
        tried,
      });
      if (repair.kind !== "act") return null;
      const { kind } = repair.act;
      const before = { tried, spent: spent.get(kind) ?? [] };
      if (!spend(repair.act, nowMs)) return null;
      undo = () => {
        tried = before.tried;
        spent.set(kind, before.spent);
      };
      tried = [...tried, ...triedBy(repair.act)];
      return { act: repair.act, why: repair.why };
    },
    unrun: () => undo(),
  };
}
