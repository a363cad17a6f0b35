import type { AuditEvent, ModelReport, Report } from "@locum/contracts";

type Fact = Pick<AuditEvent, "kind" | "reason" | "facts">;

/**
 * What changed between two reports, as audit events. With a collector there it writes these itself, from the reports;
 * they are for the time when none is.
 */
export function changesBetween(before: Report | null, after: Report): Fact[] {
  const facts: Fact[] = [];
  if (before?.verdict.kind !== after.verdict.kind)
    facts.push({
      kind: "verdict.change",
      reason: after.verdict.evidence.map(({ detail }) => detail).join("; "),
      facts: {
        from: before?.verdict.kind ?? "none",
        to: after.verdict.kind,
        failure: "failure" in after.verdict ? after.verdict.failure : "",
      },
    });
  if (before && before.diverted !== after.diverted)
    facts.push({
      kind: after.diverted ? "divert.start" : "divert.end",
      reason: after.diverted ? "new requests go elsewhere" : "takes requests again",
      facts: { role: after.role },
    });
  for (const [model, is] of Object.entries(after.models ?? {}))
    facts.push(...modelChanges(model, before?.models?.[model], is));
  if (before && (before.tree !== after.tree || before.bytes !== after.bytes))
    facts.push({
      kind: "bytes.change",
      reason: `the files are ${after.bytes}`,
      facts: { from: before.tree, to: after.tree, state: after.bytes },
    });
  if (before && before.release !== after.release)
    facts.push({
      kind: "release.change",
      reason: "answers match another release",
      facts: { from: before.release, to: after.release },
    });
  return facts;
}

/** Of several models each has a story of its own. */
function modelChanges(model: string, before: ModelReport | undefined, after: ModelReport): Fact[] {
  const facts: Fact[] = [];
  const { verdict, diverted } = after;
  if (before?.verdict.kind !== verdict.kind)
    facts.push({
      kind: "verdict.change",
      reason: verdict.evidence.map(({ detail }) => detail).join("; "),
      facts: {
        model,
        from: before?.verdict.kind ?? "none",
        to: verdict.kind,
        failure: "failure" in verdict ? verdict.failure : "",
      },
    });
  if ((before?.diverted ?? false) !== diverted)
    facts.push({
      kind: diverted ? "divert.start" : "divert.end",
      reason: diverted
        ? `requests of ${model} go elsewhere, its neighbours are served here`
        : `takes requests of ${model} again`,
      facts: { model },
    });
  return facts;
}

/** One event of this sidecar, ready for its spool. */
export function sidecarEvent(
  { kind, reason, facts }: Fact,
  who: { service: string; instance: string; epoch: number; wallMs: number },
): AuditEvent {
  return {
    kind,
    at: new Date(who.wallMs).toISOString(),
    service: who.service,
    instance: who.instance,
    actor: `sidecar:${who.instance}`,
    epoch: who.epoch,
    incident: null,
    reason: reason.slice(0, 1000),
    facts: { ...facts, alone: true },
  };
}
