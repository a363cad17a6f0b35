import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { dashboards } from "@locum/dashboards";
import { dashboardFiles } from "@locum/dashboards/write";
import { expect, test } from "vitest";

const deploy = join(import.meta.dirname, "../../deploy");
const files = await dashboardFiles(dashboards);

/** Files of people: what is told about an import, say. */
const generated = /\.(ndjson|json)$/;

test.each(Object.entries(files))("deploy/%s is what the model says", (path, text) => {
  const file = join(deploy, path);
  if (process.env.LOCUM_UPDATE === "1") {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const found = existsSync(file) ? readFileSync(file, "utf8") : "null";
  // The formatter of the repository has its own mind about line breaks in JSON.
  if (path.endsWith(".json")) expect(JSON.parse(found)).toEqual(JSON.parse(text));
  else expect(found).toBe(text);
});

test("no file is left of a dashboard that is gone", () => {
  const found = ["kibana", "opensearch-dashboards", "grafana"].flatMap((folder) =>
    readdirSync(join(deploy, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => generated.test(name))
      .map((name) => join(folder, name)),
  );
  expect(found.sort()).toEqual(Object.keys(files).sort());
});
