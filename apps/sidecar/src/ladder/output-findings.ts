import type { Probe } from "@locum/contracts";
import type { TapEvent, TapOutcome } from "../tap/tap-event.ts";

type OutputProbe = Extract<Probe, { kind: "output" }>;

/** Null: it says nothing of an answer. */
const findings: Record<TapOutcome, OutputProbe["finding"] | null> = {
  ok: null,
  refused: null,
  timeout: null,
  "client-gone": null,
  diverted: null,
  reset: "truncated",
  status5xx: "status-5xx",
  truncated: "truncated",
  "not-finite": "not-finite",
  constant: "constant",
  empty: "empty",
  flood: "flood",
  malformed: "malformed",
  "wrong-finish": "wrong-finish",
  "wrong-model": "wrong-model",
  stalled: "stalled",
};

/**
 * L5: what the tap saw in real answers of the own server, and whether another instance answered the same request well:
 * only then is it this one's fault. A 5xx that nobody contested may be the request's.
 */
export function outputProbe(event: TapEvent, ownId: string, atMs: number): OutputProbe | undefined {
  if (event.kind !== "outcome" && event.kind !== "contested") return undefined;
  const finding = findings[event.outcome];
  if (event.target !== ownId || finding === null) return undefined;
  // Told again as contested, when the other instance's answer is there.
  if (event.kind === "outcome" && event.outcome === "status5xx" && event.counts) return undefined;
  return {
    kind: "output",
    atMs,
    finding,
    ...(event.model === undefined ? {} : { model: event.model }),
    contested: event.kind === "contested",
    detail: (event.detail || event.outcome).slice(0, 500),
  };
}
