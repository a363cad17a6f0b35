import { expect, test } from "vitest";
import type { StatsFigure } from "../model.ts";
import { markupOf } from "./html.ts";
import { panelBody } from "./panel-body.ts";

const context = {
  title: "t",
  view: { fromMs: 0, toMs: 3_600_000, intervalMs: 60_000 },
  spanText: "the last hour",
  samples: [],
};
const panel = { count: 3, min: 2, max: 9, avg: 5, sum: 15 };

test.each<[StatsFigure[], string[]]>([
  [
    ["min", "avg", "max"],
    ["least", "mean", "greatest"],
  ],
  [["sum"], ["sum"]],
])("figures over a number are those that the panel asks for: %j", (show, names) => {
  const source = { kind: "stats", filter: [], of: "measures.count", show, unit: "1" } as const;
  const text = markupOf(panelBody(source, { records: [], next: null, aggregations: { panel } }, context));
  expect([...text.matchAll(/<dt>(\w+)<\/dt>/g)].map(([, name]) => name)).toEqual(names);
});
