import type { AuditEvent } from "@locum/contracts";
import type { OpenIncident, ServicePlan } from "./decision.ts";

/** How long one recovery took, for the record that closes its incident. */
export type Recovery = {
  incident: OpenIncident;
  /** Wall clock of now: the instance is proven right again. */
  rightAtMs: number;
  /** When the fault was made, which is known of a drill only: a real fault begins unseen. */
  faultAtMs: number | null;
  objectives: ServicePlan["objectives"];
};

/**
 * `divertMs` and `tookMs` run from the incident's opening. `rtoMs` (until new requests were answered elsewhere) and
 * `restoreMs` (until the instance was proven right again) run from the fault, where that is known. A wall clock that
 * was set back makes no negative times.
 */
export function recoveryFacts({ incident, rightAtMs, faultAtMs, objectives }: Recovery): AuditEvent["facts"] {
  const { openedAtMs, safeAtMs } = incident;
  const beganAtMs = faultAtMs ?? openedAtMs;
  const since = (startMs: number, endMs: number): number => Math.max(0, Math.round(endMs - startMs));
  const times = {
    ...(faultAtMs === null ? {} : { detectMs: since(faultAtMs, openedAtMs) }),
    ...(safeAtMs === undefined
      ? {}
      : { divertMs: since(openedAtMs, safeAtMs), rtoMs: since(beganAtMs, safeAtMs) }),
    restoreMs: since(beganAtMs, rightAtMs),
  };
  return { ...times, ...(objectives ? { objectives: isMet(times, objectives) ? "met" : "missed" } : {}) };
}

type Times = { detectMs?: number; rtoMs?: number; restoreMs: number };

const isMet = (times: Times, objectives: NonNullable<ServicePlan["objectives"]>): boolean =>
  (["detectMs", "rtoMs", "restoreMs"] as const).every((name) => (times[name] ?? 0) <= objectives[name]);
