import { timelineSvg } from "@locum/audit";
import { Fault } from "@locum/contracts";
import { incidentPage, incidentsPage, type PageContent, trusted } from "@locum/dashboards/pages";
import { readAudit } from "../audit-port.ts";
import type { PageDeps } from "./console-pages.ts";

const incidentsMax = 200;
const recordsMax = 200;
const paces = { everyMs: 5000, gatherMs: 500 };

export async function showIncidents(
  { fleet, store, clock }: PageDeps,
  query: URLSearchParams,
): Promise<PageContent> {
  const service = query.get("service") || null;
  const open = { yes: true, no: false }[query.get("open") ?? ""] ?? null;
  const incidents = await store.incidents({
    limit: incidentsMax,
    ...(service === null ? {} : { service }),
    ...(open === null ? {} : { open }),
  });
  const body = incidentsPage({
    incidents,
    view: { service, open },
    services: fleet.all().map(({ config }) => config.service),
    limit: incidentsMax,
    nowMs: clock.wallMs(),
  });
  return { title: "Incidents", section: "incidents", body, live: { events: "/events", ...paces } };
}

export async function showIncident({ store, auditLog, clock }: PageDeps, id: string): Promise<PageContent> {
  const incident = await store.incident(id);
  if (!incident) throw new Fault("not-found", `no incident ${id}`, { hint: "The list is under Incidents." });
  const body = incidentPage({
    incident,
    picture: trusted(timelineSvg(incident)),
    records: await readAudit(auditLog, { incident: id, limit: recordsMax, order: "asc" }),
    nowMs: clock.wallMs(),
  });
  const title = `${incident.failure} on ${incident.instance}`;
  const content = { title, section: "incidents", body } as const;
  return incident.closedAtMs === null ? { ...content, live: { events: "/events", ...paces } } : content;
}
