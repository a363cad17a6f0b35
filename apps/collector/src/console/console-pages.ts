import { fleetPage, type PageContent } from "@locum/dashboards/pages";
import type { Clock } from "@locum/runtime";
import { type AuditLog, readAudit } from "../audit-port.ts";
import type { Fleet } from "../fleet.ts";
import type { ReleaseShelf } from "../release-shelf.ts";
import type { Store } from "../store.ts";
import { instanceView } from "../views/instance-view.ts";
import { releaseView } from "../views/release-view.ts";
import { serviceView } from "../views/service-view.ts";

export type PageDeps = {
  fleet: Fleet;
  store: Store;
  shelf: ReleaseShelf;
  auditLog: AuditLog;
  clock: Clock;
};
export type Asked = { params: Record<string, string>; query: URLSearchParams };
type Page = (asked: Asked) => PageContent | Promise<PageContent>;

const latestMax = 12;
const live = { events: "/events", everyMs: 2000 };

/** Every page by its path. */
export function consolePages(deps: PageDeps): Record<string, Page> {
  return { "/": () => fleet(deps) };
}

async function fleet({ fleet, shelf, auditLog, clock }: PageDeps): Promise<PageContent> {
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
  return { title: "Fleet", section: "fleet", body, live };
}
