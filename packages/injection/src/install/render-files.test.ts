import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { deployFiles } from "./render-files.ts";
import { installValues } from "./values.ts";

const deploy = new URL("../../../../deploy/", import.meta.url);
const files = deployFiles(installValues());

test.each(Object.keys(files))(
  "deploy/%s is what the code renders (LOCUM_UPDATE=1 rewrites it)",
  async (path) => {
    const text = files[path] ?? "";
    const file = fileURLToPath(new URL(path, deploy));
    if (process.env.LOCUM_UPDATE) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    const published = await readFile(file, "utf8");
    // Only its layout is the formatter's.
    if (path.endsWith(".json")) expect(JSON.parse(published)).toEqual(JSON.parse(text));
    else expect(published).toBe(text);
  },
);

test("the chart decides nothing: its one template with objects is a loop", () => {
  const template = files["helm/locum/templates/objects.yaml"] ?? "";
  expect([...template.matchAll(/{{-? *(\w+)/g)].map(([, word]) => word)).toEqual(["range", "toYaml", "end"]);
  expect(parse(files["helm/locum/values.yaml"] ?? "")).toHaveProperty("objects");
});
