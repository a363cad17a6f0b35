import type { AuditCondition, AuditField, AuditNumber } from "@locum/contracts";

/**
 * A dashboard as every rendition draws it: Kibana, OpenSearch Dashboards, Grafana, and the collector's own pages. Its
 * panels say what is asked; how it looks is the rendition's.
 */
export type Dashboard = {
  id: string;
  title: string;
  /** What it answers, in one sentence. */
  about: string;
  /** In the order of reading; each row is 12 columns wide. */
  panels: readonly Panel[];
  /** What it cannot show yet. */
  missing?: string;
};

export type Panel = {
  /** One of its kind in the dashboard. */
  id: string;
  title: string;
  about?: string;
  /** Columns of 12. */
  width: number;
  source: PanelSource;
};

/** Conditions that every rendition's language says alike. */
export type PanelCondition =
  | Extract<AuditCondition, { op: "term" | "terms" | "exists" }>
  | { op: "not"; condition: PanelCondition }
  | { op: "any"; conditions: PanelCondition[] };

/** Questions to the audit log leave the time range open: it is the viewer's. */
export type AuditSource =
  /** How many records. */
  | { kind: "count"; filter: readonly PanelCondition[] }
  /** How many records of each value of a column, the most frequent first. */
  | { kind: "bars"; filter: readonly PanelCondition[]; by: CountedColumn; size: number }
  /**
   * How many records of each of these values. Facts are counted by name and value only: OpenSearch aggregates no
   * others of a flat object, and an attacker must not choose the bars of a chart.
   */
  | {
      kind: "groups";
      filter: readonly PanelCondition[];
      groups: Readonly<Record<string, PanelCondition>>;
    }
  /** How many records over time. */
  | { kind: "histogram"; filter: readonly PanelCondition[]; by?: "kind" | "service" }
  /** Figures over a number that records have. */
  | {
      kind: "stats";
      filter: readonly PanelCondition[];
      of: AuditNumber;
      show: readonly StatsFigure[];
      unit: Unit;
    }
  /** The newest records. */
  | { kind: "table"; filter: readonly PanelCondition[]; columns: readonly AuditField[] };

export type PanelSource =
  | AuditSource
  /** A figure of /metrics, by Prometheus; `legend` names a series by its labels, `{{label}}`. */
  | { kind: "metric"; promql: string; legend: string; unit: Unit }
  | { kind: "note"; text: string };

export type CountedColumn = "kind" | "service" | "instance" | "actor" | "incident";
export type StatsFigure = "min" | "avg" | "max" | "sum";
export type Unit = "1" | "ms" | "s" | "per second";

export const isAuditSource = (source: PanelSource): source is AuditSource =>
  source.kind !== "metric" && source.kind !== "note";
