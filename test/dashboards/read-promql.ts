import { parser } from "@prometheus-io/lezer-promql";

export type ReadPromql = {
  /** Places that the grammar does not take. */
  errors: string[];
  /** Metrics by name; those of a matcher on `__name__` spelled out. */
  metrics: string[];
  /** Labels that results are grouped by. */
  grouped: string[];
};

/** What a query of Prometheus names. Grafana's own interval stands for a duration. */
export function readPromql(promql: string): ReadPromql {
  const text = promql.replaceAll("$__rate_interval", "5m");
  const found: ReadPromql = { errors: [], metrics: [], grouped: [] };
  let grouping = 0;
  parser.parse(text).iterate({
    enter({ name, from, to, type }) {
      const part = text.slice(from, to);
      if (type.isError) found.errors.push(`${from}: ${text.slice(from, from + 20)}`);
      if (name === "GroupingLabels") grouping += 1;
      if (name === "Identifier") found.metrics.push(part);
      if (name === "LabelName" && grouping > 0) found.grouped.push(part);
      const byName = name === "UnquotedLabelMatcher" ? /^__name__=~?"(.*)"$/.exec(part)?.[1] : undefined;
      if (byName !== undefined) found.metrics.push(...spelledOut(byName));
    },
    leave({ name }) {
      if (name === "GroupingLabels") grouping -= 1;
    },
  });
  return found;
}

/** `a_(b|c)` is a_b and a_c. */
function spelledOut(pattern: string): string[] {
  const [, start = "", middle, end = ""] = /^([^(]*)\(([^)]*)\)(.*)$/.exec(pattern) ?? [];
  return middle === undefined ? [pattern] : middle.split("|").map((one) => start + one + end);
}
