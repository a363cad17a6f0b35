import { z } from "zod";
import { ServiceConfig } from "./service.ts";

/** JSON Schema (2020-12) of a service file as people write it; docs/service.schema.json holds it for editors. */
export function serviceJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(ServiceConfig, { io: "input" }),
    $id: "https://locum.dev/service.schema.json",
    title: "Locum service",
  };
}
