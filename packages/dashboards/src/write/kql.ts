import { elasticsearchField } from "@locum/contracts";
import type { PanelCondition } from "../model.ts";
import { quoted } from "./quoted.ts";

/** Conditions in the query language of Kibana and of OpenSearch Dashboards, which is the same for what is used. */
export const kqlOf = (conditions: readonly PanelCondition[]): string =>
  conditions.map(clauseOf).join(" and ");

function clauseOf(condition: PanelCondition): string {
  switch (condition.op) {
    case "term":
      return `${elasticsearchField(condition.field)} : ${quoted(condition.value)}`;
    case "terms":
      return `${elasticsearchField(condition.field)} : (${condition.values.map(quoted).join(" or ")})`;
    case "exists":
      return `${elasticsearchField(condition.field)} : *`;
    case "not":
      return `not (${clauseOf(condition.condition)})`;
    case "any":
      return `(${condition.conditions.map(clauseOf).join(" or ")})`;
  }
}
