import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("./islands/", import.meta.url);

/** The modules that a browser loads, by name. The build puts their texts in the place of this file. */
export const islands: Record<string, string> = Object.fromEntries(
  readdirSync(folder)
    .filter((name) => name.endsWith(".js"))
    .sort()
    .map((name) => [name, readFileSync(new URL(name, folder), "utf8")]),
);
