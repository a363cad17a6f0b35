import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Digest } from "../release.ts";
import { Name } from "../service.ts";
import { body, faults, json, needs } from "./describe-route.ts";
import { serviceParam, serviceQuery } from "./service-routes.ts";

const SnapshotId = z
  .string()
  .regex(/^[0-9A-HJKMNP-TV-Z]{26}$/)
  .describe("ULID");
const count = z.number().int().min(0);
const ageMs = z.number().min(0).nullable();
const wallMs = z.number().describe("wall clock, milliseconds since 1970");

/** A snapshot that was restored to nowhere: every chunk fetched, opened, decoded, and compared with what its manifest says. */
export const SnapshotDrillView = z
  .object({
    snapshot: SnapshotId,
    atMs: wallMs,
    outcome: z.enum(["passed", "failed"]),
    code: z.string().describe("of the fault; ok where it passed"),
    detail: z.string(),
    files: count,
    bytes: count,
    planMs: z.number().min(0).describe("manifest and index"),
    fetchMs: z.number().min(0).describe("waiting for the storage"),
    decodeMs: z.number().min(0).describe("opening, decoding and hashing"),
    release: Digest.nullable().describe("approved release whose files these are"),
  })
  .meta({ id: "SnapshotDrill" });
export type SnapshotDrillView = z.infer<typeof SnapshotDrillView>;

/** How the repository that a service's snapshots lie in stands. */
export const RepositoryView = z
  .object({
    service: Name,
    repository: z.string().describe("its place"),
    problem: z.object({ code: z.string(), detail: z.string(), sinceMs: wallMs }).nullable(),
    lookedAtMs: wallMs.nullable().describe("when the storage last answered; what follows is of then"),
    verified: SnapshotId.nullable().describe("the newest that somebody read whole and found right"),
    rpoAgeMs: ageMs.describe("since that one was captured: what a restore from here would lose"),
    restorable: z.boolean(),
    reason: z.string().describe("why not; empty where it can be restored"),
    drill: SnapshotDrillView.nullable().describe("the last one"),
    drilling: z.boolean().describe("one runs, or waits for its turn"),
    scrub: z
      .object({
        slice: count.describe("that was read last, from 1; the repository counts, whoever scrubs"),
        slices: count,
        atMs: wallMs,
        wholeSinceMs: wallMs.nullable().describe("every pack that was there then was read after it"),
        damaged: z.array(z.string()).describe("files that could not be mended"),
      })
      .nullable(),
    escrowAgeMs: ageMs.describe("since somebody proved that the escrow key opens these snapshots"),
    escrowDue: z.boolean().describe("that proof is missing or too old"),
    bytes: count.nullable().describe("of the whole repository"),
    quotaBytes: count.nullable(),
  })
  .meta({ id: "Repository" });
export type RepositoryView = z.infer<typeof RepositoryView>;

/** One snapshot as its manifest says in the clear. Without a signature that proves nothing. */
export const StoredSnapshotView = z
  .object({
    id: SnapshotId,
    capturedAtMs: wallMs.describe("by its writer's clock"),
    storedAtMs: wallMs.describe("by the storage's clock"),
    bytes: count,
    files: count,
    torn: z.boolean().describe("its source changed while it was read"),
    parent: z.string().nullable(),
    signer: z.string().nullable().describe("key that it says it is signed with"),
    channels: z.array(z.string()).describe("that point to it"),
  })
  .meta({ id: "StoredSnapshot" });
export type StoredSnapshotView = z.infer<typeof StoredSnapshotView>;

export const SnapshotEntryView = z.object({
  path: z.string(),
  kind: z.enum(["file", "link", "dir"]),
  bytes: count,
  sha256: z.string().nullable().describe("of a file, where its writer chose that digest"),
  blake3: z.string().nullable().describe("the same"),
  tensors: count,
});
export const SnapshotChangeView = z.object({
  path: z.string(),
  change: z.enum(["changed", "added", "gone"]),
  bytes: z.tuple([count, count]).describe("before, after"),
  newChunks: count,
  tensors: z
    .array(
      z.object({
        name: z.string(),
        change: z.enum(["changed", "added", "gone", "reshaped"]),
        dtype: z.string(),
        shape: z.array(z.number()),
        bytes: count,
      }),
    )
    .describe("the first thousand"),
});

/** What a snapshot holds, and what of it another does not have. */
export const SnapshotContentsView = z
  .object({
    snapshot: StoredSnapshotView,
    files: z.array(SnapshotEntryView).describe("the first ten thousand"),
    filesLeftOut: count,
    against: SnapshotId.nullable(),
    changes: z.array(SnapshotChangeView).describe("from `against` to this one; the first thousand"),
    changesLeftOut: count,
  })
  .meta({ id: "SnapshotContents" });
export type SnapshotContentsView = z.infer<typeof SnapshotContentsView>;

export const SnapshotPinView = z
  .object({
    service: Name,
    channel: z.string(),
    snapshot: SnapshotId.nullable(),
    before: SnapshotId.nullable().describe("what it held until now"),
  })
  .meta({ id: "SnapshotPin" });
export type SnapshotPinView = z.infer<typeof SnapshotPinView>;

const sealedFile = z
  .string()
  .regex(/^(snaps\/[0-9A-HJKMNP-TV-Z]{26}\.sn|packs\/[0-9a-f]{2}\/[0-9a-f]{64}\.pk)$/)
  .describe("snaps/ID.sn or packs/ab/ID.pk");
const key = z
  .string()
  .regex(/^[A-Za-z0-9+/]{43}=$/)
  .describe("32 bytes in base64");

/** Keys of single files of one snapshot: who has them can read these files and no others. */
export const SnapshotKeysView = z
  .object({ keys: z.array(z.object({ name: sealedFile, fileKey: key, idKey: key })) })
  .meta({ id: "SnapshotKeys" });
export type SnapshotKeysView = z.infer<typeof SnapshotKeysView>;

const snapshotParam = serviceParam.extend({ id: SnapshotId });
const pinParam = serviceParam.extend({
  channel: z
    .string()
    .regex(/^(pinned|hold)-[a-z0-9][a-z0-9._-]{0,90}$/)
    .describe("pinned-… of your own, hold-… for who may not let it go: an audit, a court"),
});
const reason = z.string().max(1000).default("");
const away = ["not-found", "snapshot-missing", "upstream-unreachable", "storage-failed", "conflict"] as const;

export const repositoryRoutes = {
  listRepositories: createRoute({
    method: "get",
    path: "/v1/repositories",
    summary: "How the snapshots of each service stand that has a repository",
    tags: ["snapshots"],
    ...needs("viewer"),
    request: { query: serviceQuery },
    responses: {
      200: json(z.object({ repositories: z.array(RepositoryView) }), "repositories"),
      ...faults("not-found"),
    },
  }),
  listStoredSnapshots: createRoute({
    method: "get",
    path: "/v1/services/{service}/snapshots",
    summary: "Snapshots of a service in its repository, newest first, and how it stands",
    tags: ["snapshots"],
    ...needs("viewer"),
    request: {
      params: serviceParam,
      query: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) }),
    },
    responses: {
      200: json(
        z.object({ repository: RepositoryView, snapshots: z.array(StoredSnapshotView) }),
        "the repository and its snapshots",
      ),
      ...faults("not-found"),
    },
  }),
  getStoredSnapshot: createRoute({
    method: "get",
    path: "/v1/services/{service}/snapshots/{id}",
    summary: "Files of a snapshot, and what changed against another",
    tags: ["snapshots"],
    ...needs("viewer"),
    request: { params: snapshotParam, query: z.object({ against: SnapshotId.optional() }) },
    responses: {
      200: json(SnapshotContentsView, "its contents"),
      ...faults(...away, "snapshot-corrupt", "too-many-requests"),
    },
  }),
  pinSnapshot: createRoute({
    method: "put",
    path: "/v1/services/{service}/snapshots/pins/{channel}",
    summary: "Hold a snapshot under a name: no rule and no hand forgets it meanwhile",
    tags: ["snapshots"],
    ...needs("operator"),
    request: { params: pinParam, body: body(z.strictObject({ snapshot: SnapshotId, reason })) },
    responses: { 200: json(SnapshotPinView, "the pin"), ...faults(...away, "refused", "disk-full") },
  }),
  unpinSnapshot: createRoute({
    method: "delete",
    path: "/v1/services/{service}/snapshots/pins/{channel}",
    summary: "Let go of what a pin holds",
    tags: ["snapshots"],
    ...needs("operator"),
    request: { params: pinParam, query: z.object({ reason }) },
    responses: { 200: json(SnapshotPinView, "the pin"), ...faults(...away, "disk-full") },
  }),
  drillSnapshot: createRoute({
    method: "post",
    path: "/v1/services/{service}/snapshots/verify",
    summary: "Restore the newest snapshot to nowhere, whole, and compare it",
    description: "It runs when what runs now has ended; the list of snapshots says how it went.",
    tags: ["snapshots"],
    ...needs("operator"),
    request: { params: serviceParam },
    responses: { 202: json(RepositoryView, "it is asked for"), ...faults("not-found", "disk-full") },
  }),
  openSnapshotKeys: createRoute({
    method: "post",
    path: "/v1/services/{service}/snapshots/{id}/keys",
    summary: "Keys of files that a snapshot needs, for the sidecar that restores it",
    description:
      "Over TLS or loopback, to a token bound to the service, for what last-known-good, served, latest or a release's channel names. A grant lasts ten minutes and is in the audit log before a key leaves.",
    tags: ["snapshots"],
    ...needs("sidecar"),
    request: {
      params: snapshotParam,
      body: body(z.strictObject({ instance: Name, files: z.array(sealedFile).min(1).max(64) })),
    },
    responses: {
      200: json(SnapshotKeysView, "the keys, in the order of the files"),
      ...faults(...away, "too-many-requests", "disk-full", "snapshot-corrupt"),
    },
  }),
};
