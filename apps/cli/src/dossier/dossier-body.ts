import type { EvidenceBody, Measure } from "@locum/audit";
import type { Incident, ServiceConfig } from "@locum/contracts";

/** The report of one incident, against the objectives of its service where they are known. Times run from its opening. */
export function dossierBody({
  incident,
  records,
  objectives,
  nowMs,
}: {
  incident: Incident;
  records: number;
  objectives: ServiceConfig["objectives"] | undefined;
  nowMs: number;
}): EvidenceBody {
  const { id, service, instance, failure, openedAtMs, closedAtMs, timeline } = incident;
  const safe = timeline.filter(({ step }) => step === "divert" || step === "promote");
  const closedMs = closedAtMs === null ? null : Math.round(closedAtMs - openedAtMs);
  const end = closedMs === null ? "It is still open." : `It was closed after ${closedMs} ms.`;
  return {
    title: `Incident ${id}: ${failure} on ${service}/${instance}`,
    cause: "incident",
    service,
    createdAt: new Date(nowMs).toISOString(),
    summary: `${failure} was found on ${instance} at ${new Date(openedAtMs).toISOString()}. ${end}`,
    measures: [
      measure(
        "traffic safe again",
        safe.length === 0 ? null : Math.round(Math.min(...safe.map(({ offsetMs }) => offsetMs))),
        objectives?.rtoMs,
      ),
      measure("instance proven right again", closedMs, objectives?.restoreMs),
    ],
    incidents: [incident],
    facts: { incident: id, records, drill: incident.drill },
  };
}

function measure(name: string, value: number | null, limit: number | undefined): Measure {
  const isMet = limit === undefined || (value !== null && value <= limit);
  return { name, unit: "ms", value, limit: limit ?? null, met: isMet };
}
