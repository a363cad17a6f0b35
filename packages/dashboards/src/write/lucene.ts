import { elasticsearchField } from "@locum/contracts";
import type { PanelCondition } from "../model.ts";
import { quoted } from "./quoted.ts";

/** Conditions as a Lucene query string, for Grafana's Elasticsearch data source. */
export const luceneOf = (conditions: readonly PanelCondition[]): string =>
  conditions.length === 0 ? "*" : conditions.map(clauseOf).join(" AND ");

function clauseOf(condition: PanelCondition): string {
  switch (condition.op) {
    case "term":
      return `${elasticsearchField(condition.field)}:${quoted(condition.value)}`;
    case "terms":
      return `${elasticsearchField(condition.field)}:(${condition.values.map(quoted).join(" OR ")})`;
    case "exists":
      return `_exists_:${elasticsearchField(condition.field)}`;
    case "not":
      // A clause that only excludes matches nothing where it stands alone in parentheses.
      return `(*:* AND NOT ${clauseOf(condition.condition)})`;
    case "any":
      return `(${condition.conditions.map(clauseOf).join(" OR ")})`;
  }
}
