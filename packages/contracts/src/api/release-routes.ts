import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Digest, Release } from "../release.ts";
import { Name } from "../service.ts";
import { body, faults, json, needs } from "./describe-route.ts";
import { serviceQuery } from "./service-routes.ts";

/** A golden without its payload: which input proves which model in which release. */
export const GoldenView = z
  .object({
    service: Name,
    release: Digest,
    id: z.string(),
    model: z.string(),
    outputs: z.array(z.string()).describe("names of the outputs that are compared"),
  })
  .meta({ id: "Golden" });
export type GoldenView = z.infer<typeof GoldenView>;

export const ReleaseView = z
  .object({
    service: Name,
    digest: Digest,
    createdAt: z.iso.datetime(),
    note: z.string(),
    tree: Digest.nullable(),
    files: z.number().int(),
    bytes: z.number(),
    models: z.array(z.string()),
    goldens: z.number().int(),
    approvedBy: z.array(z.string()).describe("key ids"),
    served: z.array(Name).describe("instances whose answers match it now"),
  })
  .meta({ id: "Release" });
export type ReleaseView = z.infer<typeof ReleaseView>;

/** What could be put back where, as the sidecars report it. */
export const SnapshotView = z
  .object({
    service: Name,
    instance: Name,
    release: Digest,
    ageMs: z.number().nullable().describe("of the report that says so"),
  })
  .meta({ id: "Snapshot" });
export type SnapshotView = z.infer<typeof SnapshotView>;

export const releaseRoutes = {
  listGoldens: createRoute({
    method: "get",
    path: "/v1/goldens",
    summary: "Goldens of the approved releases, without their payloads",
    tags: ["releases"],
    ...needs("viewer"),
    request: { query: serviceQuery },
    responses: { 200: json(z.object({ goldens: z.array(GoldenView) }), "goldens"), ...faults("not-found") },
  }),
  listReleases: createRoute({
    method: "get",
    path: "/v1/releases",
    summary: "Approved releases",
    tags: ["releases"],
    ...needs("viewer"),
    request: { query: serviceQuery },
    responses: {
      200: json(z.object({ releases: z.array(ReleaseView) }), "releases"),
      ...faults("not-found"),
    },
  }),
  getRelease: createRoute({
    method: "get",
    path: "/v1/releases/{digest}",
    summary: "One approved release, whole",
    tags: ["releases"],
    // Sidecars fetch here what does not fit into a frame of the stream.
    ...needs("viewer", "sidecar"),
    request: { params: z.object({ digest: Digest }) },
    responses: { 200: json(Release, "the release"), ...faults("not-found") },
  }),
  approveRelease: createRoute({
    method: "post",
    path: "/v1/releases",
    summary: "Take an approved release: verified, stored, sent to all sidecars of its service",
    description: "The signature is made by locum approve with a key that the collector never sees.",
    tags: ["releases"],
    ...needs("operator"),
    request: { body: body(Release) },
    responses: {
      200: json(ReleaseView, "stored, or known already"),
      ...faults("not-found", "release-invalid", "release-unapproved", "body-too-large", "storage-failed"),
    },
  }),
  listSnapshots: createRoute({
    method: "get",
    path: "/v1/snapshots",
    summary: "Which releases can be restored where",
    tags: ["releases"],
    ...needs("viewer"),
    request: { query: serviceQuery },
    responses: {
      200: json(z.object({ snapshots: z.array(SnapshotView) }), "snapshots"),
      ...faults("not-found"),
    },
  }),
};
