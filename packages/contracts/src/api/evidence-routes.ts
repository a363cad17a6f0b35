import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { AuditKind, AuditRecord } from "../audit-event.ts";
import { AuditProof } from "../audit-proof.ts";
import { AuditAnswer, AuditSearch } from "../audit-search.ts";
import { Incident } from "../incident.ts";
import { Name } from "../service.ts";
import { body, faults, json, needs, text } from "./describe-route.ts";
import { InstanceView } from "./instance-routes.ts";
import { serviceQuery } from "./service-routes.ts";

/** A signed report on the collector's disk; `locum verify` reads it. */
export const EvidenceView = z
  .object({ name: z.string(), bytes: z.number(), modifiedAtMs: z.number() })
  .meta({ id: "Evidence" });
export type EvidenceView = z.infer<typeof EvidenceView>;

/** How the audit log's copy in Elasticsearch stands: appended = acked + quarantined + rejected + pending, always. */
export const ShippingView = z
  .object({
    elasticsearch: z.enum(["off", "reachable", "unreachable", "refusing"]),
    family: z.string().nullable().describe("server and version, once it has answered"),
    head: z.number().describe("last record of the log; -1 where it is empty"),
    appended: z.number(),
    acked: z.number(),
    quarantined: z.number().describe("taken into the failure store instead of the stream"),
    rejected: z.number().describe("sent as a minimal envelope, and kept as a dead letter"),
    pending: z.number(),
    differing: z.number().describe("documents that are not the record that the log has: tampering"),
    retries: z.number(),
    oldestPendingMs: z.number().nullable(),
    problem: z.object({ code: z.string(), detail: z.string(), sinceMs: z.number() }).nullable(),
    reconciled: z.object({ seq: z.number(), atMs: z.number(), resent: z.number() }).nullable(),
  })
  .meta({ id: "Shipping" });
export type ShippingView = z.infer<typeof ShippingView>;

const seq = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const AuditQuery = z.object({
  kind: z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(AuditKind).max(64))
    .optional()
    .describe("one kind, or several with commas"),
  service: Name.optional(),
  instance: Name.optional(),
  incident: z.string().max(128).optional(),
  after: seq.optional().describe("records with a greater sequence number"),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  order: z.enum(["asc", "desc"]).default("asc"),
});
export type AuditQuery = z.infer<typeof AuditQuery>;

/**
 * What `GET /v1/events` sends, as the event name and its data. Only audit events carry an id, their sequence number:
 * a client that comes back with Last-Event-ID misses none of them. Reports are a picture of now and are not replayed.
 */
export const StreamEvent = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("audit"), record: AuditRecord }),
    z.object({ kind: z.literal("report"), instance: InstanceView }),
  ])
  .meta({ id: "StreamEvent" });
export type StreamEvent = z.infer<typeof StreamEvent>;

export const evidenceRoutes = {
  listIncidents: createRoute({
    method: "get",
    path: "/v1/incidents",
    summary: "Incidents, newest first",
    tags: ["evidence"],
    ...needs("viewer"),
    request: {
      query: serviceQuery.extend({
        open: z.stringbool().optional().describe("only open ones, or only closed ones"),
        limit: z.coerce.number().int().min(1).max(1000).default(100),
      }),
    },
    responses: {
      200: json(z.object({ incidents: z.array(Incident) }), "incidents"),
      ...faults("not-found"),
    },
  }),
  getIncident: createRoute({
    method: "get",
    path: "/v1/incidents/{id}",
    summary: "One incident with its timeline",
    tags: ["evidence"],
    ...needs("viewer"),
    request: { params: z.object({ id: z.string().min(1).max(128) }) },
    responses: { 200: json(Incident, "the incident"), ...faults("not-found") },
  }),
  listEvidence: createRoute({
    method: "get",
    path: "/v1/evidence",
    summary: "Signed evidence files on the collector",
    tags: ["evidence"],
    ...needs("viewer"),
    responses: { 200: json(z.object({ evidence: z.array(EvidenceView) }), "evidence files"), ...faults() },
  }),
  queryAudit: createRoute({
    method: "get",
    path: "/v1/audit",
    summary: "Records of the audit log",
    tags: ["evidence"],
    ...needs("viewer"),
    request: { query: AuditQuery },
    responses: {
      200: json(z.object({ records: z.array(AuditRecord) }), "records"),
      ...faults("storage-failed"),
    },
  }),
  searchAudit: createRoute({
    method: "post",
    path: "/v1/audit/search",
    summary: "Records of the audit log, with aggregations over all that match",
    tags: ["evidence"],
    ...needs("viewer"),
    request: { body: { content: { "application/json": { schema: AuditSearch } }, required: true } },
    responses: { 200: json(AuditAnswer, "records and buckets"), ...faults("storage-failed") },
  }),
  proveAudit: createRoute({
    method: "post",
    path: "/v1/audit/proofs",
    summary: "Proofs that records are in the signed log, under a checkpoint of now",
    tags: ["evidence"],
    ...needs("viewer"),
    request: {
      body: {
        content: {
          "application/json": {
            schema: z.object({ seqs: z.array(z.number().int().min(0)).min(1).max(10_000) }),
          },
        },
        required: true,
      },
    },
    responses: {
      200: json(AuditProof, "checkpoint and paths"),
      ...faults("not-found", "evidence-invalid", "storage-failed"),
    },
  }),
  listPeople: createRoute({
    method: "get",
    path: "/v1/audit/people",
    summary: "The names behind the actors `person:...` of the audit log, of those who are not forgotten",
    tags: ["evidence"],
    ...needs("viewer"),
    responses: {
      200: json(z.object({ people: z.record(z.string(), z.string()) }), "names by actor"),
      ...faults(),
    },
  }),
  forgetPerson: createRoute({
    method: "post",
    path: "/v1/audit/forget",
    summary: "Forget a person: records and proofs stay as they are, and name nobody any more",
    tags: ["evidence"],
    ...needs("admin"),
    request: {
      body: body(
        z.strictObject({
          person: z.string().min(1).max(200).describe("as the token file said it"),
          reason: z.string().max(500).default("").describe("goes into the audit log: without a name"),
        }),
      ),
    },
    responses: {
      200: json(
        z.object({
          actor: z
            .string()
            .nullable()
            .describe("how the records go on naming them; null where the vault could not tell any more"),
        }),
        "forgotten",
      ),
      ...faults("not-found", "conflict", "disk-full", "storage-failed"),
    },
  }),
  getShipping: createRoute({
    method: "get",
    path: "/v1/audit/shipping",
    summary: "How the copy in Elasticsearch stands",
    tags: ["evidence"],
    ...needs("viewer"),
    responses: { 200: json(ShippingView, "the copy"), ...faults() },
  }),
  replayAudit: createRoute({
    method: "post",
    path: "/v1/audit/replays",
    summary: "Sends to Elasticsearch again what it had refused, after its mappings were mended",
    tags: ["evidence"],
    ...needs("operator"),
    responses: {
      200: json(
        z.object({ sent: z.number(), left: z.number() }),
        "how many were taken, and how many were not",
      ),
      ...faults("not-found", "upstream-unreachable", "storage-failed", "disk-full"),
    },
  }),
  streamEvents: createRoute({
    method: "get",
    path: "/v1/events",
    summary: "Audit events and changes of reports as they happen (server-sent events)",
    tags: ["evidence"],
    ...needs("viewer"),
    request: {
      query: serviceQuery.extend({ after: seq.optional().describe("as Last-Event-ID") }),
      headers: z.object({ "last-event-id": seq.optional() }),
    },
    responses: {
      200: text("text/event-stream", StreamEvent, "one event after the other"),
      ...faults("not-found"),
    },
  }),
};
