import { type AuditCondition, elasticsearchField } from "@locum/contracts";

/** Conditions in the query language of Kibana and of OpenSearch Dashboards, which is the same for what is used. */
export const kqlOf = (conditions: readonly AuditCondition[]): string => conditions.map(termOf).join(" and ");

function termOf(condition: AuditCondition): string {
  switch (condition.op) {
    case "term":
      return `${nameOf(condition)} : ${quote(condition.value)}`;
    case "terms":
      return `${nameOf(condition)} : (${condition.values.map(quote).join(" or ")})`;
    case "range": {
      const name = nameOf(condition);
      const shown = (value: number): string =>
        condition.field === "at" ? quote(new Date(value).toISOString()) : String(value);
      const bounds = (["gte", "gt", "lte", "lt"] as const).flatMap((bound) => {
        const value = condition[bound];
        return value === undefined ? [] : [`${name} ${signs[bound]} ${shown(value)}`];
      });
      return bounds.length === 0 ? `${name} : *` : `(${bounds.join(" and ")})`;
    }
    case "exists":
      return `${nameOf(condition)} : *`;
    case "prefix":
      return `${nameOf(condition)} : ${escaped(condition.value)}*`;
    case "text":
      return `message : (${condition.words.split(/\s+/).filter(Boolean).map(quote).join(" and ")})`;
    case "not":
      return `not (${termOf(condition.condition)})`;
    case "any":
      return `(${condition.conditions.map(termOf).join(" or ")})`;
  }
}

const signs = { gte: ">=", gt: ">", lte: "<=", lt: "<" } as const;

const nameOf = ({ field }: { field: Parameters<typeof elasticsearchField>[0] }): string =>
  escaped(elasticsearchField(field));

const quote = (value: string | number | boolean): string =>
  `"${String(value).replace(/[\\"]/g, (character) => `\\${character}`)}"`;

/** Outside of quotes these characters are the language's own, and so are its three words. */
const escaped = (text: string): string =>
  text
    .replace(/[\\():<>"*{}]/g, (character) => `\\${character}`)
    .replace(/\s/g, (space) => ({ "\t": "\\t", "\r": "\\r", "\n": "\\n" })[space] ?? `\\${space}`)
    .replace(/^(and|or|not)$/i, "\\$1");
