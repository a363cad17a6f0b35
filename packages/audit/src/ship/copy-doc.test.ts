import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { copyDoc } from "./copy-doc.ts";

const file = new URL("../../../../docs/elasticsearch-copy.md", import.meta.url);

test("docs/elasticsearch-copy.md is the tables of the code (LOCUM_UPDATE=1 rewrites it)", async () => {
  if (process.env.LOCUM_UPDATE) await writeFile(file, copyDoc());
  expect(await readFile(file, "utf8")).toBe(copyDoc());
});
