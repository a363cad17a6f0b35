import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Name, Role } from "../service.ts";
import { faults, json, needs } from "./describe-route.ts";
import { serviceQuery } from "./service-routes.ts";

/** A pod that asked for a sidecar, as the Kubernetes API shows it. What its sidecar says is in its instance. */
export const PodView = z
  .object({
    namespace: z.string(),
    pod: z.string(),
    node: z.string().nullable().describe("null while it is not scheduled"),
    service: Name.nullable().describe("null where no sidecar says one"),
    instance: Name.nullable(),
    injection: z
      .enum(["injected", "missed", "declined"])
      .describe("missed: it should have a sidecar and has none; declined: it cannot have one"),
    detail: z.string().nullable().describe("why it has none, or why it is not taken into its service"),
    version: z.string().nullable().describe("of the sidecar"),
    rev: z.string().nullable(),
    role: Role.nullable().describe("its label locum.dev/role; null where it has none"),
    ready: z.boolean().describe("its condition Ready"),
    deleting: z.boolean(),
  })
  .meta({ id: "Pod" });
export type PodView = z.infer<typeof PodView>;

export const PodsView = z
  .object({
    kubernetes: z
      .enum(["off", "synced", "behind"])
      .describe("behind: the API server is away, or was not asked yet"),
    pods: z.array(PodView),
  })
  .meta({ id: "Pods" });
export type PodsView = z.infer<typeof PodsView>;

export const podRoutes = {
  listPods: createRoute({
    method: "get",
    path: "/v1/pods",
    summary: "Pods that asked for a sidecar, with and without one",
    tags: ["pods"],
    ...needs("viewer"),
    request: { query: serviceQuery },
    responses: { 200: json(PodsView, "pods"), ...faults("not-found") },
  }),
};
