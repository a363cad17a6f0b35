import { z } from "zod";
import { CronExpression } from "./cron-expression.ts";
import { SnapshotHook } from "./snapshot-hook.ts";

const FilePath = z.string().min(1).max(4096).describe("path, relative to this file or absolute");
const bytesPerSecond = z.number().int().min(65_536);

const place = z
  .string()
  .min(1)
  .max(4096)
  .describe("folder, or s3://bucket/prefix?endpoint=URL&region=R, azure://…, gs://… (docs/snapshots.md)");
const credentialsFile = FilePath.optional().describe(
  "of an object store; environment variables if absent, as its own tools read them",
);

/** Where a sidecar keeps encrypted snapshots with history. It can add to them; without a private key it reads none. */
export const SnapshotRepository = z.strictObject({
  place,
  credentialsFile,
  writerDir: FilePath.describe("folder of id.key and recipients.pem, as locum snapshot init wrote it"),
  privateKeyFile: FilePath.optional().describe(
    "opens snapshots on this machine; without it the collector opens the one that is restored",
  ),
  signerFile: FilePath.optional().describe("EC P-256 private key that signs manifests; mode 0600"),
  onChange: z
    .boolean()
    .default(true)
    .describe(
      "a snapshot when a release is proven that none holds yet, and when hooked or included files change",
    ),
  schedule: CronExpression.optional().describe("a snapshot at these times as well: cron, in UTC"),
  include: z
    .array(FilePath)
    .max(64)
    .default([])
    .describe("files and folders beside modelDir: tokenizer, adapters, prompts, the server's configuration"),
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/))
    .max(256)
    .default([])
    .describe("variables of the model server that may be kept; what looks like a secret is left out"),
  hooks: z.array(SnapshotHook).max(32).default([]),
  quotaBytes: z.number().int().min(1).optional().describe("of the whole repository"),
  bytesPerSecond: bytesPerSecond
    .default(200_000_000)
    .describe("most that a snapshot reads while the model serves"),
});
export type SnapshotRepository = z.infer<typeof SnapshotRepository>;

/** Sidecars of one service that read each other's live files. Both sides show a certificate of this authority. */
export const SnapshotPeers = z.strictObject({
  ca: FilePath.describe(
    "PEM of an authority of its own: whoever has a certificate of it may read model files",
  ),
  cert: FilePath.describe("PEM of this sidecar's certificate"),
  key: FilePath.describe("PEM of its private key; mode 0600"),
  bytesPerSecond: bytesPerSecond
    .default(400_000_000)
    .describe("most that an instance gives to its peers together"),
  pauseAbove: z
    .number()
    .min(1)
    .max(100)
    .default(1.1)
    .describe("gives nothing while its own p99 is above this many times what it was before"),
});
export type SnapshotPeers = z.infer<typeof SnapshotPeers>;

const kept = (count: number, what: string) =>
  z.number().int().min(0).max(10_000).default(count).describe(`newest of each of so many ${what}`);

/** What a collector does for a repository: reads it again, forgets and prunes by its own clock, opens what is restored. */
export const CollectorRepository = z.strictObject({
  place,
  credentialsFile,
  privateKeyFile: FilePath.describe("of a recipient: opens snapshots; mode 0600"),
  recipientsFile: FilePath.optional().describe(
    "recipients.pem of the writers: for them half empty packs and rescued chunks are sealed anew; without it none is",
  ),
  services: z
    .array(z.string().min(1).max(63))
    .max(256)
    .default([])
    .describe("whose snapshots lie there; of all that this collector has if empty"),
  keep: z
    .strictObject({
      last: z.number().int().min(1).max(10_000).default(5).describe("newest snapshots"),
      hourly: kept(24, "hours"),
      daily: kept(7, "days"),
      weekly: kept(5, "weeks"),
      monthly: kept(12, "months"),
    })
    .prefault({}),
  prune: CronExpression.default("47 4 * * *").describe(
    "when snapshots are forgotten and space is given back: cron, in UTC",
  ),
  scrub: CronExpression.default("17 */4 * * *").describe(
    "when the next slice of it is read and mended: cron, in UTC",
  ),
  scrubSlices: z.number().int().min(1).max(1000).default(42).describe("slices in which all of it is read"),
  scrubBytesPerSecond: bytesPerSecond.default(100_000_000),
  drill: CronExpression.default("23 5 * * *").describe(
    "when the newest snapshot of each service is restored to nowhere, whole, and compared: cron, in UTC",
  ),
  escrowDays: z
    .number()
    .int()
    .min(1)
    .max(3650)
    .default(92)
    .describe("a proof of the escrow key that is older is told as a problem"),
});
export type CollectorRepository = z.infer<typeof CollectorRepository>;
