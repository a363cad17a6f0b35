import type { AuditField } from "@locum/contracts";
import type { StatsFigure } from "../model.ts";

/** How a column is headed where a person reads it. */
export const fieldTitle = (field: AuditField): string => field.replace(/^(facts|measures)\./, "");

export const figureTitles: Record<StatsFigure, string> = {
  min: "least",
  avg: "mean",
  max: "greatest",
  sum: "sum",
};
