import { elasticsearchField } from "@locum/contracts";
import type { AuditSource, Dashboard, Panel } from "../model.ts";
import { dataView } from "./data-view.ts";
import { kqlOf } from "./kql.ts";
import type { SavedReference } from "./ndjson.ts";

export const searchId = (dashboard: Dashboard, panel: Panel): string => `locum-${dashboard.id}-${panel.id}`;

const indexRefName = "kibanaSavedObjectMeta.searchSourceJSON.index";
export const viewReference: SavedReference = { id: dataView.id, name: indexRefName, type: "index-pattern" };

/** What a saved object asks, as both families keep it: text in text. */
export const searchSource = (filter: AuditSource["filter"]): Record<string, unknown> => ({
  searchSourceJSON: JSON.stringify({
    query: { query: kqlOf(filter), language: "kuery" },
    filter: [],
    indexRefName,
  }),
});

/** A table of records is a saved search in both families. */
export function searchAttributes(
  { title, about = "" }: Panel,
  { filter, columns }: Extract<AuditSource, { kind: "table" }>,
): Record<string, unknown> {
  return {
    title: `Locum: ${title}`,
    description: about,
    // The time is the first column anyway.
    columns: columns.filter((column) => column !== "at").map(elasticsearchField),
    sort: [["@timestamp", "desc"]],
    kibanaSavedObjectMeta: searchSource(filter),
  };
}
