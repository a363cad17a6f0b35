import { explorer } from "./dashboards/explorer.ts";
import { fleet } from "./dashboards/fleet.ts";
import type { Dashboard } from "./model.ts";

/** In the order in which they are offered. */
export const dashboards: readonly Dashboard[] = [fleet, explorer];
