import type { AuditField } from "@locum/contracts";

/** How a column is headed where a person reads it. */
export const fieldTitle = (field: AuditField): string => field.replace(/^(facts|measures)\./, "");
