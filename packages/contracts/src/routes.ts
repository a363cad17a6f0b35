import { consoleRoutes } from "./api/console-routes.ts";
import { evidenceRoutes } from "./api/evidence-routes.ts";
import { instanceRoutes } from "./api/instance-routes.ts";
import { operationRoutes } from "./api/operation-routes.ts";
import { podRoutes } from "./api/pod-routes.ts";
import { probeRoutes } from "./api/probe-routes.ts";
import { releaseRoutes } from "./api/release-routes.ts";
import { repositoryRoutes } from "./api/repository-routes.ts";
import { serviceRoutes } from "./api/service-routes.ts";

/** Every route of the collector's API, once: validator, types, OpenAPI document and client come from here. */
export const routes = {
  ...serviceRoutes,
  ...instanceRoutes,
  ...podRoutes,
  ...releaseRoutes,
  ...repositoryRoutes,
  ...operationRoutes,
  ...evidenceRoutes,
  ...consoleRoutes,
  ...probeRoutes,
};
export type Routes = typeof routes;
