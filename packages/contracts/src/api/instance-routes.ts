import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Report } from "../report.ts";
import { Name, Role } from "../service.ts";
import { faults, json, needs } from "./describe-route.ts";
import { serviceQuery } from "./service-routes.ts";

/** An instance as the collector sees it: what its sidecar said last, and how long ago. */
export const InstanceView = z
  .object({
    service: Name,
    instance: Name,
    role: Role.describe("as decided and stored; report.role is what the sidecar holds"),
    shadow: z
      .boolean()
      .optional()
      .describe("asked and judged, and never given traffic; absent from older collectors"),
    connected: z.boolean(),
    contested: z.boolean().describe("two live sidecars claim this identity: neither is commanded"),
    silent: z.boolean(),
    incarnation: z.string().nullable(),
    ageMs: z.number().nullable().describe("since the last report; null if none came yet"),
    healthyForMs: z.number().nullable(),
    incident: z.string().nullable().describe("the open one"),
    report: Report.nullable().describe("the last report, as it came"),
  })
  .meta({ id: "Instance" });
export type InstanceView = z.infer<typeof InstanceView>;

export const instanceRoutes = {
  listInstances: createRoute({
    method: "get",
    path: "/v1/instances",
    summary: "All instances",
    tags: ["instances"],
    ...needs("viewer"),
    request: { query: serviceQuery },
    responses: {
      200: json(z.object({ instances: z.array(InstanceView) }), "instances"),
      ...faults("not-found"),
    },
  }),
  getInstance: createRoute({
    method: "get",
    path: "/v1/instances/{service}/{instance}",
    summary: "One instance, with its last report",
    tags: ["instances"],
    ...needs("viewer"),
    request: { params: z.object({ service: Name, instance: Name }) },
    responses: { 200: json(InstanceView, "the instance"), ...faults("not-found") },
  }),
};
