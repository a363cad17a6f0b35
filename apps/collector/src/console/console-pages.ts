import { Fault } from "@locum/contracts";
import type { PodsView } from "@locum/contracts/client";
import { dashboards, dashboardsPage, type PageContent } from "@locum/dashboards/pages";
import type { Clock, MetricFamily } from "@locum/runtime";
import type { AuditLog } from "../audit-port.ts";
import type { Fleet } from "../fleet.ts";
import type { ReleaseShelf } from "../release-shelf.ts";
import type { Repositories } from "../repositories/repositories.ts";
import type { Store } from "../store.ts";
import { showAudit, showRecord } from "./show-audit.ts";
import { showDashboard } from "./show-dashboard.ts";
import { showFleet } from "./show-fleet.ts";
import { showIncident, showIncidents } from "./show-incidents.ts";

export type PageDeps = {
  fleet: Fleet;
  store: Store;
  shelf: ReleaseShelf;
  auditLog: AuditLog;
  clock: Clock;
  metrics: () => MetricFamily[];
  pods: (service: string | undefined) => PodsView;
  repositories: Pick<Repositories, "views">;
};
export type Asked = { params: Record<string, string>; query: URLSearchParams };
type Page = (asked: Asked) => PageContent | Promise<PageContent>;

/** Every page by its path. */
export const consolePages = (deps: PageDeps): Record<string, Page> => ({
  "/": ({ query }) => showFleet(deps, query),
  "/incidents": ({ query }) => showIncidents(deps, query),
  "/incidents/:id": ({ params }) => showIncident(deps, params.id ?? ""),
  "/audit": ({ query }) => showAudit(deps, query),
  "/audit/:seq": ({ params }) => showRecord(deps, params.seq ?? ""),
  "/dashboards": () => ({ title: "Dashboards", section: "dashboards", body: dashboardsPage(dashboards) }),
  "/dashboards/:id": ({ params, query }) => {
    const dashboard = dashboards.find(({ id }) => id === params.id);
    if (!dashboard)
      throw new Fault("not-found", `no dashboard ${params.id}`, { hint: "The list is under Dashboards." });
    return showDashboard(deps, dashboard, query);
  },
});
