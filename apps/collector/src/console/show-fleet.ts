import { fleetPage, type PageContent } from "@locum/dashboards/pages";
import { readAudit } from "../audit-port.ts";
import { instanceView } from "../views/instance-view.ts";
import { releaseView } from "../views/release-view.ts";
import { serviceView } from "../views/service-view.ts";
import type { PageDeps } from "./console-pages.ts";

const latestMax = 10;

export async function showFleet({ fleet, shelf, auditLog, clock }: PageDeps): Promise<PageContent> {
  const services = fleet.all();
  const body = fleetPage({
    services: services.map(({ config, driver }) => serviceView(config, driver.state())),
    instances: services.flatMap(({ driver }) => {
      const state = driver.state();
      return state.plan.instances.map(({ id }) => instanceView(state, id, clock.monotonicMs()));
    }),
    releases: services.flatMap(({ config, driver }) =>
      shelf.of(config.service).map((release) => releaseView(release, driver.state())),
    ),
    records: await readAudit(auditLog, { limit: latestMax, order: "desc" }),
    nowMs: clock.wallMs(),
  });
  return {
    title: "Fleet",
    section: "fleet",
    body,
    live: { events: "/events", everyMs: 2000, gatherMs: 200 },
  };
}
