import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { serviceJsonSchema } from "./service-schema.ts";

const published = new URL("../../../docs/service.schema.json", import.meta.url);

test("docs/service.schema.json is the schema of the code (LOCUM_UPDATE=1 rewrites it)", async () => {
  if (process.env.LOCUM_UPDATE)
    await writeFile(published, `${JSON.stringify(serviceJsonSchema(), null, 2)}\n`);
  expect(JSON.parse(await readFile(published, "utf8"))).toEqual(serviceJsonSchema());
});
