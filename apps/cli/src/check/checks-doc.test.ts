import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { checksDoc } from "./check-groups.ts";

const file = new URL("../../../../docs/checks.md", import.meta.url);

test("docs/checks.md is the table of groups (LOCUM_UPDATE=1 rewrites it)", async () => {
  if (process.env.LOCUM_UPDATE) await writeFile(file, checksDoc());
  expect(await readFile(file, "utf8")).toBe(checksDoc());
});
