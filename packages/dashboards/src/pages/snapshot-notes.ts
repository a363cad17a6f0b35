import type { RepositoryView } from "@locum/contracts/client";
import { badge } from "./badge.ts";
import { type Html, html } from "./html.ts";
import { spanText, timeOf } from "./shown.ts";

/** Of a service whose snapshots lie in a repository: what a restore from there would lose, or why there is none. */
export function snapshotNotes(view: RepositoryView, nowMs: number): Html {
  const { restorable, reason, rpoAgeMs, drill, scrub, escrowDue } = view;
  const damaged = scrub?.damaged.length ?? 0;
  return html`<p class="meta"><span>snapshots ${restorable ? badge("good", "restorable") : badge("bad", "not restorable")}</span>
${!restorable && html`<span>${reason}</span>\n`}<span>RPO age <b>${rpoAgeMs === null ? "unknown" : spanText(rpoAgeMs)}</b></span>
<span>last drill <b>${drill ? `${drill.outcome} ${spanText(nowMs - drill.atMs)} ago` : "none"}</b></span>
${scrub?.wholeSinceMs && html`<span>all read since <b>${timeOf(scrub.wholeSinceMs)}</b></span>\n`}${
  damaged > 0 && html`<span>${badge("bad", `${damaged} damaged`)}</span>\n`
}${escrowDue && html`<span>${badge("alarm", "escrow key not proven")}</span>`}</p>
`;
}
