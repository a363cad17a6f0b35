import type { AuditRecord } from "@locum/contracts";
import type {
  InstanceView,
  PodsView,
  ReleaseView,
  RepositoryView,
  ServiceView,
} from "@locum/contracts/client";
import { stateBadge } from "./badge.ts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";
import { pageTitle } from "./page-title.ts";
import { podsSection } from "./pods-section.ts";
import { recordsTable } from "./records-table.ts";
import { serviceSection } from "./service-section.ts";
import { type Column, table } from "./table.ts";

export type FleetData = {
  /** All, or the one that the address names. */
  services: readonly ServiceView[];
  isNarrowed: boolean;
  instances: readonly InstanceView[];
  releases: readonly ReleaseView[];
  /** Of services that have one. */
  repositories: readonly RepositoryView[];
  pods: PodsView;
  /** The newest ones, newest first. */
  records: readonly AuditRecord[];
  nowMs: number;
};

/** A fleet of so many instances is drawn whole; of a greater one the services, and whole only what is not healthy. */
const wholeMax = 60;
const sectionsMax = 20;
const servicesMax = 1000;
const rowsMax = 50;
const rowsMaxOfOne = 500;

/** Every service with its instances as they are now, the releases that they may be, and what happened last. */
export function fleetPage(data: FleetData): Html {
  const { services, isNarrowed, instances, records, nowMs } = data;
  const sorted = services.toSorted((a, b) => severity[a.state] - severity[b.state]);
  const isWhole = isNarrowed || instances.length <= wholeMax;
  const drawn = isWhole ? services : sorted.filter(({ state }) => state !== "healthy").slice(0, sectionsMax);
  const byService = Map.groupBy(instances, ({ service }) => service);
  const releases = Map.groupBy(data.releases, ({ service }) => service);
  return html`${pageTitle("Fleet", nowMs)}<div id="live">
<p class="lead">${summary(data)}${isNarrowed && html` <a href="/">The whole fleet</a>`}</p>
${drawn.map((service) =>
  serviceSection({
    service,
    instances: byService.get(service.service) ?? [],
    releases: releases.get(service.service) ?? [],
    repository: data.repositories.find((one) => one.service === service.service),
    rowsMax: isNarrowed ? rowsMaxOfOne : rowsMax,
    nowMs,
  }),
)}${
  !isWhole &&
  html`<section id="services">
<h2>Services</h2>
${table({ caption: "Services", columns, rows: sorted.slice(0, servicesMax), empty: "None is configured." })}</section>
`
}${podsSection(data.pods)}<section id="latest">
<h2>Latest records</h2>
${recordsTable(records, "Nothing has been recorded yet: a record comes with the first start, connection or decision.")}
<p><a href="/audit">All records</a></p>
</section>
</div>
`;
}

const severity: Record<ServiceView["state"], number> = { failed: 0, degraded: 1, unknown: 2, healthy: 3 };

function summary({ services, instances }: FleetData): string {
  const bad = services.filter(({ state }) => state !== "healthy").length;
  if (services.length === 0) return "No service is configured here.";
  if (bad > 0) return `${bad} of ${counted(services.length, "service")} not healthy.`;
  return `${counted(services.length, "service")}, ${counted(instances.length, "instance")}, all healthy.`;
}

const columns: Column<ServiceView>[] = [
  {
    head: "Service",
    cell: ({ service }) => html`<a href="${link([], { service })}"><b>${service}</b></a>`,
  },
  { head: "State", cell: ({ state }) => stateBadge(state) },
  { head: "Active", cell: ({ active }) => active.slice(0, 3).join(", ") || "none" },
  { head: "Fit", number: true, cell: ({ fit, instances }) => `${fit.length} of ${instances}` },
  { head: "Connected", number: true, cell: ({ connected }) => connected },
  { head: "Epoch", number: true, cell: ({ epoch }) => epoch },
  { head: "Incidents", number: true, cell: ({ incidents }) => incidents.length },
];

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
