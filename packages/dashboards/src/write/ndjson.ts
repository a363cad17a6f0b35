/** A saved object as both families import and export it: one a line. */
export type SavedObject = {
  id: string;
  type: "index-pattern" | "search" | "visualization" | "dashboard";
  attributes: Record<string, unknown>;
  references: SavedReference[];
} & Record<string, unknown>;

export type SavedReference = { id: string; name: string; type: SavedObject["type"] };

export const ndjson = (objects: readonly SavedObject[]): string =>
  objects.map((object) => `${JSON.stringify(object)}\n`).join("");
