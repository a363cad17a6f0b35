import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { json, needs, open, text } from "./describe-route.ts";

export const ReadyView = z
  .object({
    ready: z.boolean(),
    problems: z.array(z.object({ code: z.string(), detail: z.string() })).describe("what stands against it"),
  })
  .meta({ id: "Ready" });
export type ReadyView = z.infer<typeof ReadyView>;

export const probeRoutes = {
  live: createRoute({
    method: "get",
    path: "/livez",
    summary: "Does the process live",
    tags: ["probes"],
    ...open,
    responses: { 200: json(z.object({ live: z.literal(true) }), "it lives") },
  }),
  ready: createRoute({
    method: "get",
    path: "/readyz",
    summary: "Can it decide, store and record",
    tags: ["probes"],
    ...open,
    responses: {
      200: json(ReadyView, "ready"),
      503: json(ReadyView, "not ready, with what stands against it"),
    },
  }),
  metrics: createRoute({
    method: "get",
    path: "/metrics",
    summary: "Prometheus text format 0.0.4",
    tags: ["probes"],
    ...needs("viewer"),
    responses: { 200: text("text/plain", z.string(), "metrics") },
  }),
  openapi: createRoute({
    method: "get",
    path: "/openapi.json",
    summary: "This document",
    tags: ["probes"],
    ...open,
    responses: { 200: json(z.record(z.string(), z.unknown()), "OpenAPI 3.1") },
  }),
};
