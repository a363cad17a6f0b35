import { compliance } from "./dashboards/compliance.ts";
import { explorer } from "./dashboards/explorer.ts";
import { fairness } from "./dashboards/fairness.ts";
import { fleet } from "./dashboards/fleet.ts";
import { integrity } from "./dashboards/integrity.ts";
import { pipeline } from "./dashboards/pipeline.ts";
import { recovery } from "./dashboards/recovery.ts";
import { robustness } from "./dashboards/robustness.ts";
import type { Dashboard } from "./model.ts";

/** In the order in which they are offered. */
export const dashboards: readonly Dashboard[] = [
  fleet,
  recovery,
  explorer,
  integrity,
  robustness,
  fairness,
  compliance,
  pipeline,
];
