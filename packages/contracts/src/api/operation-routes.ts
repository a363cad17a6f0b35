import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Digest } from "../release.ts";
import { Name } from "../service.ts";
import { body, faults, json, needs } from "./describe-route.ts";
import { serviceParam, serviceQuery } from "./service-routes.ts";

/** Long work that was asked for. It goes on whether or not anybody waits, and through restarts of the collector. */
export const OperationView = z
  .object({
    id: z.string(),
    service: Name,
    kind: z.enum(["promote", "restore", "reload", "restart", "failback", "drill"]),
    instance: Name,
    state: z.enum(["pending", "running", "done", "failed", "refused"]),
    code: z.string().describe("'ok', or the code of the fault"),
    detail: z.string(),
    requestedBy: z.string(),
    createdAtMs: z.number().describe("wall clock, milliseconds since 1970"),
    endedAtMs: z.number().nullable(),
    incident: z.string().nullable(),
  })
  .meta({ id: "Operation" });
export type OperationView = z.infer<typeof OperationView>;

const target = {
  service: Name,
  instance: Name,
  reason: z.string().max(500).default("").describe("goes into the audit log"),
};
const orders = {
  promote: z.strictObject({
    ...target,
    force: z.boolean().default(false).describe("over the safety rules; needs the role admin"),
  }),
  restore: z.strictObject({
    ...target,
    release: Digest.nullable().default(null).describe("the newest restorable one if null"),
  }),
  plain: z.strictObject(target),
  drill: z.strictObject({
    ...target,
    fault: z.string().min(1).max(64),
    ms: z.number().int().min(100).max(600_000).default(30_000).describe("undone after this in any case"),
  }),
} as const;

export const IdempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{8,128}$/)
  .describe("8 to 128 printable characters; the same key and body is the same operation");

/** An order: 202 and the operation. Repeated with the same key it answers with the same operation. */
const order = <P extends string, S extends z.ZodType>(
  path: P,
  summary: string,
  schema: S,
  role: "operator" | "admin" = "operator",
) =>
  createRoute({
    method: "post",
    path,
    summary,
    tags: ["operations"],
    ...needs(role),
    request: { headers: z.object({ "idempotency-key": IdempotencyKey }), body: body(schema) },
    responses: {
      202: json(OperationView, "accepted; follow it at /v1/operations/{id}"),
      ...faults(
        "not-found",
        "refused",
        "idempotency-mismatch",
        "conflict",
        "not-leader",
        "disk-full",
        "storage-failed",
      ),
    },
  });

export const PauseView = z.object({ service: Name, pausedUntilMs: z.number().nullable() });
export type PauseView = z.infer<typeof PauseView>;

export const operationRoutes = {
  listOperations: createRoute({
    method: "get",
    path: "/v1/operations",
    summary: "Operations, newest first",
    tags: ["operations"],
    ...needs("viewer"),
    request: { query: serviceQuery.extend({ limit: z.coerce.number().int().min(1).max(1000).default(100) }) },
    responses: {
      200: json(z.object({ operations: z.array(OperationView) }), "operations"),
      ...faults("not-found"),
    },
  }),
  getOperation: createRoute({
    method: "get",
    path: "/v1/operations/{id}",
    summary: "One operation",
    tags: ["operations"],
    ...needs("viewer"),
    request: { params: z.object({ id: z.string().min(1).max(128) }) },
    responses: { 200: json(OperationView, "the operation"), ...faults("not-found") },
  }),
  promote: order("/v1/promotions", "Make an instance the active one, in a new epoch", orders.promote),
  restore: order("/v1/restores", "Put the files of an approved release back", orders.restore),
  reload: order("/v1/reloads", "Load the files again and ask all goldens", orders.plain),
  restart: order("/v1/restarts", "Restart the model server by its configured driver", orders.plain),
  failback: order("/v1/failbacks", "Give a repaired instance its first role back", orders.plain),
  drill: order("/v1/drills", "Break a drillable instance on purpose", orders.drill, "admin"),
  pause: createRoute({
    method: "post",
    path: "/v1/pause",
    summary: "Stop automatic actions for a while; detection and records go on",
    tags: ["operations"],
    ...needs("operator"),
    request: {
      body: body(
        z.strictObject({
          service: Name,
          ms: z.number().int().min(1000).max(86_400_000).default(3_600_000),
          reason: target.reason,
        }),
      ),
    },
    responses: {
      200: json(PauseView, "paused"),
      ...faults("not-found", "not-leader", "disk-full", "storage-failed"),
    },
  }),
  resume: createRoute({
    method: "post",
    path: "/v1/resume",
    summary: "Take a pause back",
    tags: ["operations"],
    ...needs("operator"),
    request: { body: body(serviceParam.extend({ reason: target.reason }).strict()) },
    responses: {
      200: json(PauseView, "resumed"),
      ...faults("not-found", "not-leader", "disk-full", "storage-failed"),
    },
  }),
};
