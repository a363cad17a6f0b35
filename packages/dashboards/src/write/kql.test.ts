import type { AuditCondition } from "@locum/contracts";
import { expect, test } from "vitest";
import { kqlOf } from "./kql.ts";
import { luceneOf } from "./lucene.ts";

const cases: [AuditCondition, string, string][] = [
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
  [
    { op: "range", field: "measures.rtoMs", gt: 5, lte: 10 },
    "(locum.measures.rtoMs > 5 and locum.measures.rtoMs <= 10)",
    "(locum.measures.rtoMs:{5 TO *] AND locum.measures.rtoMs:[* TO 10])",
  ],
  [
    { op: "range", field: "at", gte: 0 },
    '(@timestamp >= "1970-01-01T00:00:00.000Z")',
    "(@timestamp:[0 TO *])",
  ],
  [{ op: "range", field: "epoch" }, "locum.epoch : *", "_exists_:locum.epoch"],
  [{ op: "exists", field: "incident" }, "locum.incident.id : *", "_exists_:locum.incident.id"],
  [
    { op: "prefix", field: "actor", value: "token:a b*" },
    "locum.actor : token\\:a\\ b\\**",
    "locum.actor:token\\:a\\ b\\**",
  ],
  [{ op: "prefix", field: "actor", value: "or" }, "locum.actor : \\or*", "locum.actor:or*"],
  [{ op: "text", words: "two goldens" }, 'message : ("two" and "goldens")', 'message:("two" AND "goldens")'],
  [
    { op: "not", condition: { op: "term", field: "service", value: "x" } },
    'not (service.name : "x")',
    '(*:* AND NOT service.name:"x")',
  ],
  [
    {
      op: "any",
      conditions: [
        { op: "term", field: "facts.a:b", value: 1 },
        { op: "term", field: "epoch", value: 2 },
      ],
    },
    '(locum.details.a\\:b : "1" or locum.epoch : "2")',
    '(locum.details.a\\:b:"1" OR locum.epoch:"2")',
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
