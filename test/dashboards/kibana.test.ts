import { mappedFields } from "@locum/audit/elasticsearch";
import { auditColumns, elasticsearchField } from "@locum/contracts";
import { dashboards } from "@locum/dashboards";
import { apiDashboard, dataView, kibanaLibrary, kibanaObjects, kibanaRules } from "@locum/dashboards/write";
import { describe, expect, test } from "vitest";
import { queryFields, type ReadObject, readNdjson, valuesUnder } from "./saved-objects.ts";

const objects = readNdjson(kibanaObjects(dashboards));
const known = new Set(objects.map(({ type, id }) => `${type}/${id}`));
const panelsOf = ({ attributes }: ReadObject) =>
  JSON.parse(attributes.panelsJSON as string) as {
    type?: string;
    panelIndex: string;
    panelRefName?: string;
    gridData: { x: number; y: number; w: number; h: number; i: string };
    embeddableConfig: { attributes?: { references: ReadObject["references"]; state: LensState } };
  }[];
type LensState = {
  datasourceStates: Record<string, { layers: Record<string, { columns: object; columnOrder: string[] }> }>;
};

/** A field is mapped, or it is a key of the one flattened field. */
const isMapped = (field: string): boolean =>
  field in mappedFields || field.startsWith("locum.details.") || field === "___records___";

describe("saved objects", () => {
  test("have our prefix, and no id twice", () => {
    for (const { id } of objects) expect(id).toMatch(/^locum-/);
    expect(known.size).toBe(objects.length);
  });

  test("carry versions that Kibana 8.19 knows", () => {
    const newest: Record<string, string> = {
      "index-pattern": "8.0.0",
      search: "10.5.0",
      visualization: "8.5.0",
      dashboard: "8.9.0",
    };
    for (const { type, coreMigrationVersion, typeMigrationVersion, migrationVersion } of objects) {
      expect(coreMigrationVersion).toBe("8.8.0");
      expect(typeMigrationVersion).toBe(newest[type]);
      expect(migrationVersion).toBeUndefined();
    }
  });

  test("refer to what is in the file, before them", () => {
    const before = new Set<string>();
    for (const { type, id, references } of objects) {
      for (const reference of references) expect(before).toContain(`${reference.type}/${reference.id}`);
      before.add(`${type}/${id}`);
    }
  });

  test("name mapped fields only, and so do their queries", () => {
    const fields = valuesUnder(objects, ["sourceField", "columns", "timeFieldName"]);
    expect(fields.length).toBeGreaterThan(50);
    for (const field of fields) expect(isMapped(field), field).toBe(true);
    const queries = valuesUnder(objects, ["query"]).filter(Boolean);
    expect(queries.length).toBeGreaterThan(50);
    for (const query of queries)
      for (const field of queryFields(query)) expect(isMapped(field), query).toBe(true);
  });
});

describe("the data view", () => {
  const view = objects.find(({ type }) => type === "index-pattern");
  const fields = JSON.parse((view?.attributes.fields as string) ?? "[]") as {
    name: string;
    esTypes: string[];
  }[];
  test("is over the audit stream, by the time of the records", () => {
    expect(view?.attributes).toMatchObject({ title: "logs-locum.audit-*", timeFieldName: "@timestamp" });
    expect(view?.id).toBe(dataView.id);
  });
  test("has every column of a record, in the type that it is mapped with", () => {
    const names = fields.map(({ name }) => name);
    for (const column of Object.values(auditColumns)) expect(names).toContain(column);
    for (const { name, esTypes } of fields) expect(esTypes).toEqual([mappedFields[name]?.type]);
  });
  test("reads facts from the document", () => {
    const runtime = JSON.parse(view?.attributes.runtimeFieldMap as string) as Record<string, unknown>;
    expect(runtime[elasticsearchField("facts.failure")]).toEqual({ type: "keyword" });
    for (const name of Object.keys(runtime)) expect(name).toMatch(/^locum\.details\.[\w:-]+$/);
  });
});

describe.each(
  objects.filter(({ type }) => type === "dashboard").map((object) => [object.id, object] as const),
)("%s", (_id, object) => {
  const panels = panelsOf(object);
  test("has typed panels, each with the references that it needs and no others", () => {
    const needed = panels.flatMap(({ type, panelIndex, panelRefName, embeddableConfig }) => {
      expect(["lens", "search", "visualization"]).toContain(type);
      if (type === "search") return [`${panelIndex}:${panelRefName}`];
      return (embeddableConfig.attributes?.references ?? []).map(({ name }) => `${panelIndex}:${name}`);
    });
    expect(object.references.map(({ name }) => name).sort()).toEqual(needed.sort());
  });
  test("draws with layers over the data view, every column in order", () => {
    for (const { type, embeddableConfig } of panels) {
      if (type !== "lens") continue;
      const states = embeddableConfig.attributes?.state.datasourceStates ?? {};
      expect(Object.keys(states)).toEqual(["formBased"]);
      for (const { columns, columnOrder } of Object.values(states.formBased?.layers ?? {}))
        expect(columnOrder).toEqual(Object.keys(columns));
    }
  });
  test("lays its panels beside each other", () =>
    expectNoOverlap(
      panels.map(({ gridData }) => gridData),
      48,
    ));
});

describe("the Dashboards API", () => {
  const library = new Set(readNdjson(kibanaLibrary(dashboards)).map(({ id }) => id));
  test.each(dashboards.map((dashboard) => [dashboard.id, dashboard] as const))("%s", (_id, dashboard) => {
    const body = apiDashboard(dashboard) as {
      panels: { type: string; grid: { x: number; y: number; w: number; h: number } }[];
    };
    expect(body.panels.length).toBeLessThanOrEqual(100);
    for (const { type } of body.panels) expect(["vis", "markdown", "discover_session"]).toContain(type);
    const refs = valuesUnder(body, ["ref_id"]);
    for (const ref of refs) expect(library).toContain(ref);
    for (const field of valuesUnder(body, ["field", "fields"])) expect(isMapped(field), field).toBe(true);
    for (const query of valuesUnder(body, ["expression"]))
      for (const field of queryFields(query)) expect(isMapped(field), query).toBe(true);
    expectNoOverlap(
      body.panels.map(({ grid }) => grid),
      48,
    );
  });
});

describe("alert rules", () => {
  test.each(kibanaRules().map((rule) => [rule.id, rule] as const))("%s", (id, { body }) => {
    expect(id).toMatch(/^locum-[a-z-]+$/);
    expect(body).toMatchObject({
      rule_type_id: ".es-query",
      consumer: "alerts",
      enabled: true,
      params: { timeField: "@timestamp", thresholdComparator: ">", threshold: [0] },
    });
    const { esQuery, esqlQuery } = body.params as { esQuery?: string; esqlQuery?: { esql: string } };
    const named = esQuery
      ? leafFields(JSON.parse(esQuery))
      : [...(esqlQuery?.esql ?? "").matchAll(/(?:event|service|locum)(?:\.[a-z]+)+|@timestamp/g)]
          .map(([name]) => name)
          .filter((name) => !name.startsWith("locum.audit"));
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(isMapped(name), name).toBe(true);
  });
});

/** Fields of the leaves of a query. */
function leafFields(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(leafFields);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === "exists") return [(inner as { field: string }).field];
    return ["term", "terms", "range"].includes(key) ? Object.keys(inner as object) : leafFields(inner);
  });
}

function expectNoOverlap(
  grids: readonly { x: number; y: number; w: number; h: number }[],
  columns: number,
): void {
  const taken = new Set<string>();
  for (const { x, y, w, h } of grids) {
    expect(w).toBeGreaterThan(0);
    expect(h).toBeGreaterThan(0);
    expect(x + w).toBeLessThanOrEqual(columns);
    for (let column = x; column < x + w; column++)
      for (let row = y; row < y + h; row++) {
        expect(taken.has(`${column} ${row}`)).toBe(false);
        taken.add(`${column} ${row}`);
      }
  }
}
