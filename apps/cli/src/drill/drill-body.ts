import type { EvidenceBody, Measure } from "@locum/audit";
import type { Incident, OperationView, ServiceConfig } from "@locum/contracts";

/** A fault whose end is the sidecar's to bring about lasts until then; the others end when the drill undoes them. */
const repairable = new Set(["corrupt-weights", "kill"]);

/**
 * The report of one drill: when the fault was seen, when traffic was safe again, when the instance was proven right.
 * Times run from the moment that the order was taken, so they are never too good.
 */
export function drillBody({
  operation,
  incidents,
  fault,
  objectives,
  nowMs,
}: {
  operation: OperationView;
  incidents: readonly Incident[];
  fault: string;
  objectives: ServiceConfig["objectives"] | undefined;
  nowMs: number;
}): EvidenceBody {
  const [first] = incidents;
  const sinceStart = (incident: Incident, offsetMs: number): number =>
    Math.max(0, Math.round(incident.openedAtMs + offsetMs - operation.createdAtMs));
  const safe = incidents.flatMap((incident) =>
    incident.timeline
      .filter(({ step }) => step === "divert" || step === "promote")
      .map(({ offsetMs }) => sinceStart(incident, offsetMs)),
  );
  const closed = incidents.map((incident) =>
    incident.closedAtMs === null ? null : sinceStart(incident, incident.closedAtMs - incident.openedAtMs),
  );
  const restored = closed.length === 0 || closed.includes(null) ? null : Math.max(...closed.map(Number));
  const measures = [
    measure("detected", first ? sinceStart(first, 0) : null, objectives?.detectMs),
    measure("traffic safe again", safe.length > 0 ? Math.min(...safe) : null, objectives?.rtoMs),
    measure(
      "instance proven right again",
      restored,
      repairable.has(fault) ? objectives?.restoreMs : undefined,
    ),
  ];
  const { service, instance } = operation;
  const seen = first ? `It was seen as ${first.failure}.` : "Nothing was seen.";
  return {
    title: `Drill ${fault} on ${service}/${instance}`,
    cause: "drill",
    service,
    createdAt: new Date(nowMs).toISOString(),
    summary: `${fault} was ordered on ${instance} by ${operation.requestedBy}. ${seen}`,
    measures,
    incidents: [...incidents],
    facts: {
      fault,
      target: instance,
      operation: operation.id,
      state: operation.state,
      detail: operation.detail,
    },
  };
}

function measure(name: string, value: number | null, limit: number | undefined): Measure {
  const isMet = limit === undefined || (value !== null && value <= limit);
  return { name, unit: "ms", value, limit: limit ?? null, met: isMet };
}
