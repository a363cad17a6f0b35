import type { Report } from "@locum/contracts";
import type { Member } from "./decision.ts";
import { audit, markSafe, type Turn, tell } from "./turn.ts";

/** What a report says that the one before it did not, on record and in the story of an open incident. */
export function noteChanges(turn: Turn, before: Member, after: Member): void {
  const [was, is] = [before.report, after.report];
  if (!is) return;
  if (was?.verdict.kind !== is.verdict.kind) {
    const failure = "failure" in is.verdict ? is.verdict.failure : "";
    audit(
      turn,
      "verdict.change",
      after.id,
      is.verdict.evidence.map(({ detail }) => detail).join("; "),
      { from: was?.verdict.kind ?? "none", to: is.verdict.kind, failure },
      `sidecar:${after.id}`,
    );
  }
  noteModels(turn, was, is, after.id);
  if (was && was.diverted !== is.diverted) {
    if (is.diverted) markSafe(turn, after.id);
    audit(
      turn,
      is.diverted ? "divert.start" : "divert.end",
      after.id,
      is.diverted ? "new requests go elsewhere" : "takes requests again",
      {},
      `sidecar:${after.id}`,
    );
    tell(turn, after.id, "divert", is.diverted ? "new requests go elsewhere" : "takes requests again");
  }
  if (was && was.tree !== is.tree)
    audit(
      turn,
      "bytes.change",
      after.id,
      `files are ${is.bytes}`,
      { from: was.tree, to: is.tree, state: is.bytes },
      `sidecar:${after.id}`,
    );
  if (was && was.release !== is.release)
    audit(
      turn,
      "release.change",
      after.id,
      "answers match another release",
      { from: was.release, to: is.release },
      `sidecar:${after.id}`,
    );
}

/** Of several models each has a story of its own. */
function noteModels(turn: Turn, was: Report | null, is: Report, instance: string): void {
  for (const [model, after] of Object.entries(is.models ?? {})) {
    const before = was?.models?.[model];
    const actor = `sidecar:${instance}`;
    if (before?.verdict.kind !== after.verdict.kind) {
      const { verdict } = after;
      const facts = {
        model,
        from: before?.verdict.kind ?? "none",
        to: verdict.kind,
        failure: "failure" in verdict ? verdict.failure : "",
      };
      audit(
        turn,
        "verdict.change",
        instance,
        verdict.evidence.map(({ detail }) => detail).join("; "),
        facts,
        actor,
      );
    }
    if ((before?.diverted ?? false) === after.diverted) continue;
    if (after.diverted) markSafe(turn, instance);
    const what = after.diverted
      ? `requests of ${model} go elsewhere, its neighbours are served here`
      : `takes requests of ${model} again`;
    audit(turn, after.diverted ? "divert.start" : "divert.end", instance, what, { model }, actor);
    tell(turn, instance, "divert", what);
  }
}
