import type { Health } from "@locum/coordination";
import { modelOfGolden } from "./model-of-golden.ts";

/**
 * Whether caches may still hold what a model was: from a reload on, until this golden has passed since. Then it is asked
 * both ways, and has passed only where both answers say so (`askGolden`).
 */
export function isCacheDoubted(health: Health, golden: string): boolean {
  const model = modelOfGolden(health, golden);
  const { maintenanceUntilMs, goldens } = (model === undefined ? undefined : health.models[model]) ?? health;
  if (maintenanceUntilMs === 0) return false;
  for (const _release in goldens.answers[golden]?.passedAtMs) return false;
  return true;
}
