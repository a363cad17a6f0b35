import type { Verdict } from "@locum/contracts";
import type { InstanceView, ServiceView } from "@locum/contracts/client";
import { type Html, html } from "./html.ts";

export type Tone = "good" | "bad" | "alarm" | "move" | "quiet";

/** A word with a colour; the word alone says it too. */
export const badge = (tone: Tone, text: string): Html => html`<span class="badge ${tone}">${text}</span>`;

const stateTones: Record<ServiceView["state"], Tone> = {
  healthy: "good",
  degraded: "alarm",
  failed: "bad",
  unknown: "quiet",
};
export const stateBadge = (state: ServiceView["state"]): Html => badge(stateTones[state], state);

/** What an instance is judged to be, by its last report. */
export function verdictBadge({ report, connected, silent }: InstanceView): Html {
  if (report === null) return badge("quiet", connected ? "no report yet" : "never heard");
  if (silent) return badge("bad", "silent");
  if (!connected) return badge("alarm", "not connected");
  return judgedBadge(report.verdict);
}

export function judgedBadge(verdict: Verdict): Html {
  if (verdict.kind === "failed") return badge("bad", verdict.failure);
  if (verdict.kind === "suspect") return badge("alarm", `suspect: ${verdict.failure}`);
  return badge(verdict.kind === "healthy" ? "good" : "quiet", verdict.kind);
}
