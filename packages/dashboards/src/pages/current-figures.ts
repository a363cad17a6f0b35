/** A figure of /metrics as it is now. */
export type Sample = { name: string; labels: Readonly<Record<string, string>>; value: number };
export type Figure = { name: string; value: number };

type Current = { figures: Figure[]; isTotal: boolean };

const folded =
  /^(?:(sum|max|min)(?: by \((\w+)\))? ?\()?(rate\()?([a-z_:]+)(\{[^}]*\})?(?:\[\$__rate_interval\]\))?\)?$/;
const several = /^\{__name__=~"([a-z_:]+)\(([a-z_:|]+)\)"\}$/;
const added = /^[a-z_:]+(?: \+ [a-z_:]+)+$/;

/**
 * The present value of a query: a plain name, one folded by a label, several names, or a sum of names. That is all that
 * can be known without a history; a rate becomes what was counted since the start. Undefined for any other query.
 */
export function currentFigures(promql: string, samples: readonly Sample[]): Current | undefined {
  const [, stem = "", ends] = several.exec(promql) ?? [];
  if (ends !== undefined) {
    const figures = ends.split("|").flatMap((end) => {
      const found = samples.filter(({ name }) => name === stem + end);
      return found.length === 0 ? [] : [{ name: end, value: sumOf(found) }];
    });
    return { figures, isTotal: false };
  }
  if (added.test(promql)) {
    const found = samples.filter(({ name }) => promql.split(" + ").includes(name));
    return { figures: found.length === 0 ? [] : [{ name: here, value: sumOf(found) }], isTotal: false };
  }
  return foldedFigures(promql, samples);
}

function foldedFigures(promql: string, samples: readonly Sample[]): Current | undefined {
  const [, fold = "sum", by = "", rate, name = "", selector] = folded.exec(promql) ?? [];
  const matches = selector === undefined ? () => true : matcherOf(selector);
  if (name === "" || matches === undefined) return undefined;
  const found = samples.filter((sample) => sample.name === name && matches(sample.labels));
  // A scrape adds the label `instance`, the collector's own address; here there is one collector.
  const groups = Map.groupBy(found, ({ labels }) => labels[by] ?? here);
  const figures = [...groups].map(([group, members]) => ({
    name: group,
    value:
      fold === "sum" ? sumOf(members) : Math[fold as "max" | "min"](...members.map(({ value }) => value)),
  }));
  return { figures, isTotal: rate !== undefined };
}

const here = "this collector";
const sumOf = (samples: readonly Sample[]): number => samples.reduce((sum, { value }) => sum + value, 0);

/** Only `{label!=""}` and `{label="value"}`, which the dashboards use. */
function matcherOf(selector: string): ((labels: Sample["labels"]) => boolean) | undefined {
  const [, label = "", not, value = ""] = /^\{(\w+)(!?)="([^"\\]*)"\}$/.exec(selector) ?? [];
  if (label === "") return undefined;
  return (labels) => ((labels[label] ?? "") === value) === (not === "");
}
