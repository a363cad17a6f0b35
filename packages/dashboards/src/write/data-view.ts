import { type AuditField, auditColumns, auditMeasures, elasticsearchField } from "@locum/contracts";
import type { Dashboard } from "../model.ts";
import { fieldsOf } from "./fields-of.ts";

/** What both families call their view on the audit stream, and what everything else refers to. */
export const dataView = { id: "locum-audit", pattern: "logs-locum.audit-*" } as const;

export type ViewField = {
  name: string;
  type: "date" | "number" | "string";
  esTypes: string[];
  count: 0;
  scripted: false;
  searchable: true;
  aggregatable: boolean;
  readFromDocValues: boolean;
};

/** Every field that the dashboards name, and every column of a record. Keys of the facts cannot be aggregated. */
export function viewFields(dashboards: readonly Dashboard[]): ViewField[] {
  const names: AuditField[] = [
    ...(Object.keys(auditColumns) as (keyof typeof auditColumns)[]),
    ...auditMeasures.map((name) => `measures.${name}` as const),
    ...dashboards.flatMap(({ panels }) => panels.flatMap(({ source }) => fieldsOf(source))),
  ];
  return [...new Set(names)].map(fieldOf).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Facts by name: in Elasticsearch they are read from the document, for its flattened field lists none of its keys. */
export const factFields = (dashboards: readonly Dashboard[]): string[] =>
  viewFields(dashboards).flatMap(({ name }) => (name.startsWith("locum.details.") ? [name] : []));

function fieldOf(field: AuditField): ViewField {
  const kind = field.startsWith("facts.")
    ? "fact"
    : isNumber(field)
      ? "long"
      : field === "at"
        ? "date"
        : "keyword";
  const aggregatable = kind !== "fact";
  return {
    name: elasticsearchField(field),
    type: kind === "long" ? "number" : kind === "date" ? "date" : "string",
    esTypes: [kind === "fact" ? "keyword" : kind],
    count: 0,
    scripted: false,
    searchable: true,
    aggregatable,
    readFromDocValues: aggregatable,
  };
}

const isNumber = (field: AuditField): boolean =>
  field === "seq" || field === "epoch" || field.startsWith("measures.");
