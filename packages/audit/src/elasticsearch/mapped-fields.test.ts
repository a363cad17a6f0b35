import { auditColumns, auditMeasures, elasticsearchField } from "@locum/contracts";
import { expect, test } from "vitest";
import { ecsFields, locumFields, mappedFields } from "./mapped-fields.ts";
import ecs from "./testing/ecs-9.4.0.json" with { type: "json" };

/** Types that a stripped server does not have, and the one of every server that answers the same. */
const standIns: Record<string, string> = {
  match_only_text: "text",
  wildcard: "keyword",
  constant_keyword: "keyword",
};

test("every field that is not under locum is of ECS, with the type that it has there", () => {
  const ours = Object.entries(ecsFields).map(([name, { type, index = true }]) => [
    name,
    { type, indexed: index },
  ]);
  const theirs = Object.entries(ecs.fields).map(([name, { type, indexed }]) => [
    name,
    { type: standIns[type] ?? type, indexed },
  ]);
  expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
});

test("what ECS has no word for is under locum", () => {
  expect(Object.keys(locumFields).filter((name) => !name.startsWith("locum."))).toEqual([]);
});

test("at most 90 fields, and no field is within another", () => {
  const names = Object.keys(mappedFields);
  expect(names.length).toBeLessThanOrEqual(90);
  expect(names.filter((name) => names.some((other) => name.startsWith(`${other}.`)))).toEqual([]);
});

test("every column that can be asked for is mapped", () => {
  const columns = [
    ...Object.values(auditColumns),
    ...auditMeasures.map((name) => elasticsearchField(`measures.${name}`)),
  ];
  expect(columns.filter((name) => mappedFields[name] === undefined)).toEqual([]);
});
