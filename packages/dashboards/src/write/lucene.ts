import { type AuditCondition, elasticsearchField } from "@locum/contracts";

/** Conditions as a Lucene query string, for Grafana's Elasticsearch data source. */
export const luceneOf = (conditions: readonly AuditCondition[]): string =>
  conditions.length === 0 ? "*" : conditions.map(clauseOf).join(" AND ");

function clauseOf(condition: AuditCondition): string {
  switch (condition.op) {
    case "term":
      return `${nameOf(condition)}:${quote(condition.value)}`;
    case "terms":
      return `${nameOf(condition)}:(${condition.values.map(quote).join(" OR ")})`;
    case "range": {
      const { gte, gt, lte, lt } = condition;
      const bounds: string[] = [];
      // Each bound by itself: both ends of one side may be given.
      if (gte !== undefined) bounds.push(`[${gte} TO *]`);
      if (gt !== undefined) bounds.push(`{${gt} TO *]`);
      if (lte !== undefined) bounds.push(`[* TO ${lte}]`);
      if (lt !== undefined) bounds.push(`[* TO ${lt}}`);
      if (bounds.length === 0) return `_exists_:${nameOf(condition)}`;
      return `(${bounds.map((bound) => `${nameOf(condition)}:${bound}`).join(" AND ")})`;
    }
    case "exists":
      return `_exists_:${nameOf(condition)}`;
    case "prefix":
      return `${nameOf(condition)}:${escaped(condition.value)}*`;
    case "text":
      return `message:(${condition.words.split(/\s+/).filter(Boolean).map(quote).join(" AND ")})`;
    case "not":
      // A clause that only excludes matches nothing where it stands alone in parentheses.
      return `(*:* AND NOT ${clauseOf(condition.condition)})`;
    case "any":
      return `(${condition.conditions.map(clauseOf).join(" OR ")})`;
  }
}

const nameOf = ({ field }: { field: Parameters<typeof elasticsearchField>[0] }): string =>
  elasticsearchField(field).replace(/:/g, "\\:");

const quote = (value: string | number | boolean): string =>
  `"${String(value).replace(/[\\"]/g, (character) => `\\${character}`)}"`;

const escaped = (text: string): string =>
  text.replace(/[\\+\-!(){}[\]^"~*?:/\s&|=<>]/g, (character) => `\\${character}`);
