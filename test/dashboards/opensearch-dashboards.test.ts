import { mappedFields } from "@locum/audit/elasticsearch";
import { dashboards } from "@locum/dashboards";
import { openSearchObjects } from "@locum/dashboards/write";
import { describe, expect, test } from "vitest";
import { queryFields, type ReadObject, readNdjson, valuesUnder } from "./saved-objects.ts";

const text = openSearchObjects(dashboards);
const objects = readNdjson(text);
const newest: Record<string, string> = {
  "index-pattern": "7.6.0",
  visualization: "7.10.0",
  search: "7.9.3",
  dashboard: "7.9.3",
};

test("objects have our prefix, no id twice, and versions that 2.x knows", () => {
  expect(new Set(objects.map(({ type, id }) => `${type}/${id}`)).size).toBe(objects.length);
  for (const { id, type, migrationVersion, ...rest } of objects) {
    expect(id).toMatch(/^locum-/);
    expect(migrationVersion).toEqual({ [type]: newest[type] });
    expect(rest).not.toHaveProperty("typeMigrationVersion");
    expect(rest).not.toHaveProperty("coreMigrationVersion");
  }
});

test("nothing is in the file that only Kibana draws", () => {
  for (const word of ["lens", "controlGroupInput", "hideChart", "formBased", "esql", "runtimeFieldMap"])
    expect(text).not.toContain(word);
  // The mappings are strict: another attribute fails the import.
  const allowed: Record<string, string[]> = {
    "index-pattern": ["title", "timeFieldName", "fields"],
    search: ["title", "description", "columns", "sort", "kibanaSavedObjectMeta", "hits", "version"],
    visualization: ["title", "visState", "uiStateJSON", "description", "version", "kibanaSavedObjectMeta"],
    dashboard: [
      "title",
      "description",
      "hits",
      "version",
      "timeRestore",
      "panelsJSON",
      "optionsJSON",
      "kibanaSavedObjectMeta",
    ],
  };
  for (const { type, attributes } of objects)
    for (const name of Object.keys(attributes)) expect(allowed[type], type).toContain(name);
});

test("references resolve to what is in the file, before them", () => {
  const before = new Set<string>();
  for (const { type, id, references } of objects) {
    for (const reference of references) expect(before).toContain(`${reference.type}/${reference.id}`);
    before.add(`${type}/${id}`);
  }
});

describe.each(
  objects.filter(({ type }) => type === "dashboard").map((object) => [object.id, object] as const),
)("%s", (_id, { attributes, references }: ReadObject) => {
  test("shows its panels by references in the old style", () => {
    const panels = JSON.parse(attributes.panelsJSON as string) as {
      version: string;
      panelRefName: string;
      gridData: { x: number; w: number };
    }[];
    expect(references.map(({ name }) => name)).toEqual(panels.map((_, index) => `panel_${index}`));
    expect(panels.map(({ panelRefName }) => panelRefName)).toEqual(references.map(({ name }) => name));
    for (const { version, gridData } of panels) {
      expect(version).toBe("7.9.3");
      expect(gridData.x + gridData.w).toBeLessThanOrEqual(48);
    }
  });
});

test("visualizations are of kinds that draw, and aggregate fields that can be", () => {
  for (const { type, attributes } of objects) {
    if (type !== "visualization") continue;
    const state = JSON.parse(attributes.visState as string) as {
      type: string;
      aggs: { type: string; schema: string; params: { field?: string } }[];
    };
    expect(["metric", "markdown", "horizontal_bar", "histogram"]).toContain(state.type);
    for (const { params } of state.aggs)
      if (params.field !== undefined) expect(mappedFields, params.field).toHaveProperty([params.field]);
  }
});

test("the data view ships the fields that anything names", () => {
  const [view] = objects;
  const fields = JSON.parse((view?.attributes.fields as string) ?? "[]") as {
    name: string;
    aggregatable: boolean;
    esTypes: string[];
  }[];
  const names = new Set(fields.map(({ name }) => name));
  const named = [
    ...valuesUnder(objects.slice(1), ["field", "columns"]),
    ...valuesUnder(objects, ["query"]).flatMap(queryFields),
  ];
  expect(named.length).toBeGreaterThan(100);
  for (const field of named) expect(names).toContain(field);
  for (const { name, aggregatable, esTypes } of fields) {
    expect(aggregatable).toBe(name in mappedFields);
    if (aggregatable) expect(esTypes).toEqual([mappedFields[name]?.type]);
    else expect(name).toMatch(/^locum\.details\./);
  }
});
