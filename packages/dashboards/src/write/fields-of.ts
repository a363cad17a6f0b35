import type { AuditField } from "@locum/contracts";
import { isAuditSource, type PanelCondition, type PanelSource } from "../model.ts";

/** Every field that a panel names. */
export function fieldsOf(source: PanelSource): AuditField[] {
  if (!isAuditSource(source)) return [];
  const filtered = source.filter.flatMap(conditionFields);
  switch (source.kind) {
    case "count":
      return filtered;
    case "bars":
      return [...filtered, source.by];
    case "groups":
      return [...filtered, ...Object.values(source.groups).flatMap(conditionFields)];
    case "histogram":
      return [...filtered, "at", ...(source.by ? [source.by] : [])];
    case "stats":
      return [...filtered, source.of];
    case "table":
      return [...filtered, ...source.columns];
  }
}

function conditionFields(condition: PanelCondition): AuditField[] {
  switch (condition.op) {
    case "not":
      return conditionFields(condition.condition);
    case "any":
      return condition.conditions.flatMap(conditionFields);
    default:
      return [condition.field];
  }
}
