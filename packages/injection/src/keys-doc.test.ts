import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { keyTable } from "./keys.ts";
import { keysDoc } from "./keys-doc.ts";

const file = new URL("../../../docs/injection.md", import.meta.url);

test("docs/injection.md is the table of keys (LOCUM_UPDATE=1 rewrites it)", async () => {
  if (process.env.LOCUM_UPDATE) await writeFile(file, keysDoc());
  expect(await readFile(file, "utf8")).toBe(keysDoc());
});

test("every default is a value of its own key", () => {
  for (const [name, { type, fallback }] of Object.entries(keyTable))
    if (fallback !== undefined)
      expect(type.safeParse(String(fallback)), name).toMatchObject({ success: true });
});
