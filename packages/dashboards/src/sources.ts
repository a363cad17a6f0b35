import type { AuditField, AuditNumber } from "@locum/contracts";
import type { AuditSource, CountedColumn, PanelCondition, PanelSource, Unit } from "./model.ts";

/** Panel sources in the words of the dashboards. */
export const count = (...filter: PanelCondition[]): AuditSource => ({ kind: "count", filter });

export const bars = (by: CountedColumn, ...filter: PanelCondition[]): AuditSource => ({
  kind: "bars",
  filter,
  by,
  size: 20,
});

export const groups = (
  all: Readonly<Record<string, PanelCondition>>,
  ...filter: PanelCondition[]
): AuditSource => ({ kind: "groups", filter, groups: all });

export const overTime = (by: "kind" | "service" | null, ...filter: PanelCondition[]): AuditSource => ({
  kind: "histogram",
  filter,
  ...(by ? { by } : {}),
});

export const stats = (of: AuditNumber, unit: Unit, ...filter: PanelCondition[]): AuditSource => ({
  kind: "stats",
  filter,
  of,
  show: ["min", "avg", "max"],
  unit,
});

export const total = (of: AuditNumber, ...filter: PanelCondition[]): AuditSource => ({
  kind: "stats",
  filter,
  of,
  show: ["sum"],
  unit: "1",
});

export const table = (columns: readonly AuditField[], ...filter: PanelCondition[]): AuditSource => ({
  kind: "table",
  filter,
  columns,
});

export const metric = (promql: string, legend: string, unit: Unit = "1"): PanelSource => ({
  kind: "metric",
  promql,
  legend,
  unit,
});

export const note = (text: string): PanelSource => ({ kind: "note", text });
