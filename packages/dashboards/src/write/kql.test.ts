import fc from "fast-check";
import { expect, test } from "vitest";
import type { PanelCondition } from "../model.ts";
import { kqlOf } from "./kql.ts";
import { luceneOf } from "./lucene.ts";
import { quoted } from "./quoted.ts";

const cases: [PanelCondition, string, string][] = [
  [
    { op: "term", field: "kind", value: "incident.open" },
    'event.action : "incident.open"',
    'event.action:"incident.open"',
  ],
  [
    { op: "term", field: "reason", value: 'a "quoted" \\ path' },
    'event.reason : "a \\"quoted\\" \\\\ path"',
    'event.reason:"a \\"quoted\\" \\\\ path"',
  ],
  [
    { op: "terms", field: "facts.rule", values: ["name", "shape"] },
    'locum.details.rule : ("name" or "shape")',
    'locum.details.rule:("name" OR "shape")',
  ],
  [{ op: "exists", field: "incident" }, "locum.incident.id : *", "_exists_:locum.incident.id"],
  [
    { op: "not", condition: { op: "term", field: "service", value: "x" } },
    'not (service.name : "x")',
    '(*:* AND NOT service.name:"x")',
  ],
  [
    {
      op: "any",
      conditions: [
        { op: "term", field: "facts.a.b", value: 1 },
        { op: "term", field: "epoch", value: 2 },
      ],
    },
    '(locum.details.a.b : "1" or locum.epoch : "2")',
    '(locum.details.a.b:"1" OR locum.epoch:"2")',
  ],
];

test.each(cases)("%j", (condition, kql, lucene) => {
  expect(kqlOf([condition])).toBe(kql);
  expect(luceneOf([condition])).toBe(lucene);
});

test("of none is everything, of several all of them", () => {
  expect([kqlOf([]), luceneOf([])]).toEqual(["", "*"]);
  const two = cases.slice(0, 2).map(([condition]) => condition);
  expect(kqlOf(two)).toContain(" and ");
  expect(luceneOf(two)).toContain(" AND ");
});

test("no value gets out of its quotes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (value) => {
      const text = quoted(value);
      expect(text).toMatch(/^"(?:[^"\\]|\\.)*"$/s);
      expect(text.slice(1, -1).replace(/\\(.)/gs, "$1")).toBe(value);
    }),
  );
});
