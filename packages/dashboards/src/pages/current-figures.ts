/** A figure of /metrics as it is now. */
export type Sample = { name: string; labels: Readonly<Record<string, string>>; value: number };
export type Figure = { name: string; value: number };

const shape =
  /^(?:(sum|max|min)(?: by \((\w+)\))? ?\()?(rate\()?([a-z_:]+)(\{[^}]*\})?(?:\[\$__rate_interval\]\))?\)?$/;

/**
 * The present value of a query that is a plain name, or one folded by a label: all that can be known without a
 * history. A rate becomes what was counted since the start. Undefined for any other query.
 */
export function currentFigures(
  promql: string,
  samples: readonly Sample[],
): { figures: Figure[]; isTotal: boolean } | undefined {
  const [, fold = "sum", by = "", rate, name = "", selector] = shape.exec(promql) ?? [];
  const matches = selector === undefined ? () => true : matcherOf(selector);
  if (name === "" || matches === undefined) return undefined;
  const groups = new Map<string, number[]>();
  for (const { labels, value } of samples.filter(
    (sample) => sample.name === name && matches(sample.labels),
  )) {
    // A scrape adds the label `instance`, the collector's own address; here there is one collector.
    const group = labels[by] ?? "this collector";
    groups.set(group, [...(groups.get(group) ?? []), value]);
  }
  const figures = [...groups].map(([group, values]) => ({
    name: group,
    value:
      fold === "sum" ? values.reduce((sum, value) => sum + value, 0) : Math[fold as "max" | "min"](...values),
  }));
  return { figures, isTotal: rate !== undefined };
}

/** Only `{label!=""}` and `{label="value"}`, which the dashboards use. */
function matcherOf(selector: string): ((labels: Sample["labels"]) => boolean) | undefined {
  const [, label = "", not, value = ""] = /^\{(\w+)(!?)="([^"\\]*)"\}$/.exec(selector) ?? [];
  if (label === "") return undefined;
  return (labels) => ((labels[label] ?? "") === value) === (not === "");
}
