import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { routes } from "../routes.ts";
import { openapiDocument } from "./openapi-document.ts";

const file = new URL("../../openapi.json", import.meta.url);
const document = () => JSON.parse(JSON.stringify(openapiDocument())) as unknown;

test("openapi.json is what the routes say (LOCUM_UPDATE=1 writes it)", () => {
  if (process.env.LOCUM_UPDATE === "1") writeFileSync(file, `${JSON.stringify(document(), null, 2)}\n`);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(document());
});

test("every route is in the document with its role and one shape of error", () => {
  const { paths = {} } = openapiDocument();
  for (const route of Object.values(routes)) {
    const found = paths[route.path]?.[route.method];
    expect(found, route.path).toBeDefined();
    expect(found?.security).toEqual(route.security);
    for (const [status, answer] of Object.entries(found?.responses ?? {}))
      if (Number(status) >= 400 && route.path !== "/readyz")
        expect(answer.content["application/json"].schema).toEqual({ $ref: "#/components/schemas/Fault" });
  }
});
