import { readFile, writeFile } from "node:fs/promises";
import { exitCodes, faultTable } from "@locum/contracts";
import { expect, test } from "vitest";
import { errorsDoc } from "./errors-doc.ts";

const file = new URL("../../../docs/errors.md", import.meta.url);

test("docs/errors.md is the table of faults (LOCUM_UPDATE=1 rewrites it)", async () => {
  if (process.env.LOCUM_UPDATE) await writeFile(file, errorsDoc());
  expect(await readFile(file, "utf8")).toBe(errorsDoc());
});

test("every exit code that a fault gives has its line", () => {
  const doc = errorsDoc().split("## Exit codes")[1] ?? "";
  const codes = [...Object.values(faultTable).map(({ exit }) => exit), ...Object.values(exitCodes)];
  for (const code of codes) expect(doc).toContain(`| ${code} |`);
});
