import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { faults, json, needs } from "./describe-route.ts";

/** An address that logs one person in to the collector's own pages. */
export const ConsoleLink = z
  .object({
    path: z.string().describe("path and query, on the collector's own address; good once"),
    lastsMs: z.number().int(),
  })
  .meta({ id: "ConsoleLink" });
export type ConsoleLink = z.infer<typeof ConsoleLink>;

export const consoleRoutes = {
  createConsoleLink: createRoute({
    method: "post",
    path: "/v1/console/links",
    summary: "An address that opens the collector's own pages, once",
    tags: ["console"],
    ...needs("viewer"),
    responses: { 200: json(ConsoleLink, "the address"), ...faults() },
  }),
};
