import { type AuditCondition, type AuditSearch, type AuditSortKey, auditOrder } from "@locum/contracts";
import { allSql, between, join, matchOf, type Sql } from "./sql-condition.ts";

/** One page: `line` and the sort values `k0`, `k1`, … of each record. */
export function compilePage(search: AuditSearch): Sql {
  const keys = auditOrder(search.sort);
  // Words at the top lead: FTS5 gives its rows in the order of their numbers, so that a page of them is read, not all.
  const words = search.filter.flatMap((condition) => (condition.op === "text" ? [condition.words] : []));
  const rest: AuditCondition[] = search.filter.filter(({ op }) => op !== "text");
  const seq = words.length > 0 ? "words.rowid" : "records.seq";
  const columns = keys.map(({ field }, index) => `records.${field} AS k${index}`);
  const order = keys.map(({ field, order: way }) => `${field === "seq" ? seq : field} ${way}`);
  const where: (Sql | string)[] = [allSql(rest)];
  if (words.length > 0) where.push({ text: "words MATCH ?", values: [words.map(matchOf).join(" AND ")] });
  if (search.after) where.push(afterSql(keys, search.after, seq));
  // First which records, from an index alone where one has it all, and then their lines.
  const inner = `SELECT ${seq} AS seq, ${columns.join(", ")} FROM ${words.length > 0 ? "words CROSS JOIN records ON records.seq = words.rowid" : "records"} WHERE `;
  return join(
    `SELECT line, ${keys.map((_, index) => `page.k${index}`).join(", ")} FROM (`,
    inner,
    ...between(where, " AND "),
    { text: ` ORDER BY ${order.join(", ")} LIMIT ?`, values: [search.limit] },
    `) AS page CROSS JOIN records USING (seq) ORDER BY ${keys.map(({ order: way }, index) => `page.k${index} ${way}`).join(", ")}`,
  );
}

/** Beyond a place in the order: greater in the first key, or equal there and greater in the next, and so on. */
function afterSql(keys: readonly AuditSortKey[], after: readonly (string | number)[], seq: string): Sql {
  const values = keys.map((_, index) => after[index] ?? null);
  const column = ({ field }: AuditSortKey): string => (field === "seq" ? seq : field);
  const steps = keys.map((key, index) => {
    const equal = keys.slice(0, index).map((before) => `${column(before)} = ?`);
    return {
      text: `(${[...equal, `${column(key)} ${key.order === "asc" ? ">" : "<"} ?`].join(" AND ")})`,
      values: values.slice(0, index + 1),
    };
  });
  return join("(", ...between(steps, " OR "), ")");
}
