import { fleetPage, type PageContent } from "@locum/dashboards/pages";
import { readAudit } from "../audit-port.ts";
import { instanceView } from "../views/instance-view.ts";
import { releaseView } from "../views/release-view.ts";
import { serviceView } from "../views/service-view.ts";
import type { PageDeps } from "./console-pages.ts";

const latestMax = 10;

/** The fleet as it is now; `?service=` narrows it to one. @throws Fault not-found */
export async function showFleet(
  { fleet, shelf, auditLog, clock, pods, repositories }: PageDeps,
  query: URLSearchParams,
): Promise<PageContent> {
  const service = query.get("service") || undefined;
  const services = fleet.select(service);
  const latest = { limit: latestMax, order: "desc" } as const;
  const body = fleetPage({
    services: services.map(({ config, driver }) => serviceView(config, driver.state())),
    isNarrowed: service !== undefined,
    instances: services.flatMap(({ driver }) => {
      const state = driver.state();
      return state.plan.instances.map(({ id }) => instanceView(state, id, clock.monotonicMs()));
    }),
    releases: services.flatMap(({ config, driver }) =>
      shelf.of(config.service).map((release) => releaseView(release, driver.state())),
    ),
    repositories: repositories.views(),
    pods: pods(service),
    records: await readAudit(auditLog, service === undefined ? latest : { ...latest, service }),
    nowMs: clock.wallMs(),
  });
  const events = service === undefined ? "/events" : `/events?service=${encodeURIComponent(service)}`;
  return {
    title: service ?? "Fleet",
    section: "fleet",
    body,
    live: { events, everyMs: 2000, gatherMs: 200 },
  };
}
