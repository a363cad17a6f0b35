import type { AuditField, AuditKind } from "@locum/contracts";
import type { PanelCondition } from "./model.ts";

export const kinds = (...values: [AuditKind, ...AuditKind[]]): PanelCondition =>
  values.length === 1
    ? { op: "term", field: "kind", value: values[0] }
    : { op: "terms", field: "kind", values };

export const is = (field: AuditField, value: string | number | boolean): PanelCondition => ({
  op: "term",
  field,
  value,
});

/** One bar for each value, under its own name. */
export const valuesOf = (field: AuditField, values: readonly string[]): Record<string, PanelCondition> =>
  Object.fromEntries(values.map((value) => [value, is(field, value)]));
