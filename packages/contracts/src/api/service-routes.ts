import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Digest } from "../release.ts";
import { Name, PoolClass } from "../service.ts";
import { faults, json, needs } from "./describe-route.ts";

/** A service at a glance. `state` is the worst that is true of it now. */
export const ServiceView = z
  .object({
    service: Name,
    class: PoolClass,
    posture: z.enum(["watch", "tap"]),
    mode: z.enum(["auto", "dry-run"]),
    state: z
      .enum(["healthy", "degraded", "failed", "unknown"])
      .describe("healthy: an active is fit and nothing is open; failed: no active is fit"),
    term: z.number().int(),
    epoch: z.number().int(),
    active: z.array(Name).describe("instances whose role is active"),
    fit: z.array(Name).describe("instances that are proven fresh and may take traffic"),
    instances: z.number().int(),
    connected: z.number().int(),
    pausedUntilMs: z.number().nullable().describe("wall clock, milliseconds since 1970"),
    frozen: z.array(Digest).describe("releases that fail everywhere"),
    observeOnly: z.boolean().describe("sinks have seen a higher term or epoch than the store holds"),
    massSilence: z.boolean(),
    promoting: z.string().nullable().describe("instance that is being promoted"),
    incidents: z.array(z.string()).describe("open ones"),
  })
  .meta({ id: "Service" });
export type ServiceView = z.infer<typeof ServiceView>;

export const serviceParam = z.object({ service: Name });
/** Filters of lists: all services if absent. */
export const serviceQuery = z.object({ service: Name.optional() });

export const serviceRoutes = {
  listServices: createRoute({
    method: "get",
    path: "/v1/services",
    summary: "All services",
    tags: ["services"],
    ...needs("viewer"),
    responses: { 200: json(z.object({ services: z.array(ServiceView) }), "services"), ...faults() },
  }),
  getService: createRoute({
    method: "get",
    path: "/v1/services/{service}",
    summary: "One service",
    tags: ["services"],
    ...needs("viewer"),
    request: { params: serviceParam },
    responses: { 200: json(ServiceView, "the service"), ...faults("not-found") },
  }),
};
