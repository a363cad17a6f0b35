import type { SnapshotContentsView } from "@locum/contracts/client";

/** What there is in a repository, by one look at it. */
export type Seen = {
  atMs: number;
  snapshots: SeenSnapshot[];
  /** Channels as they stand. */
  refs: SeenRef[];
  /** Manifests that cannot be read. */
  damaged: string[];
  /** Of all files. */
  bytes: number;
};
export type SeenSnapshot = {
  id: string;
  /** The service whose snapshot it is. */
  model: string;
  capturedAtMs: number;
  storedAtMs: number;
  bytes: number;
  files: number;
  torn: boolean;
  parent: string | null;
  signer: string | null;
};
export type SeenRef = { model: string; channel: string; snapshot: string | null; atMs: number };

/** Files of an approved release, and whether a sidecar has proven it by its goldens. */
export type KnownRelease = {
  digest: string;
  proven: boolean;
  files: readonly { path: string; size: number; digest: string }[];
};
export type Drilled = {
  files: number;
  bytes: number;
  planMs: number;
  fetchMs: number;
  decodeMs: number;
  /** The approved release whose files these are. */
  release: string | null;
  /** Packs that were damaged, and mended before it passed. */
  mended: number;
  /** Channels that were moved to it. */
  moved: string[];
};
export type Scrubbed = {
  packs: number;
  bytes: number;
  mended: number;
  /** Packs of this slice that are damaged still. */
  damaged: string[];
  damagedManifests: string[];
  /** Snapshots that cannot be restored whole. */
  lost: string[];
  /** How far the pass over all packs is now, from 1. */
  slice: number;
  /** Every pack that was there then was read after it. */
  wholeSinceMs: number | null;
};
export type Pruned = {
  deleted: number;
  announced: number;
  /** Of them, those that were half empty and written anew. */
  repacked: number;
  bytesFreed: number;
  damaged: string[];
  missingChunks: number;
};
export type Keep = { last: number; hourly: number; daily: number; weekly: number; monthly: number };
export type SnapshotKeys = { keys: { name: string; fileKey: string; idKey: string }[] };

/**
 * What is done with one repository, on a thread of its own: a manifest of a large model takes longer to parse than a
 * collector may stand still. Plain values in and out. Every call may be made again.
 * @throws Fault snapshot-missing · snapshot-corrupt · not-authorised · conflict: another has the lease or moved the
 *   channel · upstream-unreachable · storage-failed · disk-full · config-unreadable · config-invalid
 */
export type RepositoryJobs = {
  look(): Promise<Seen>;
  show(asked: { service: string; id: string; against: string | null }): Promise<Shown>;
  /** What the channel held before. */
  move(asked: Move): Promise<{ before: string | null }>;
  /** What no rule keeps, of these services, oldest first. */
  planForget(asked: { keep: Keep; services: string[] }): Promise<{ ids: string[]; models: string[] }>;
  forget(asked: { ids: string[] }): Promise<null>;
  prune(asked: { holder: string }): Promise<Pruned>;
  scrub(asked: {
    of: number;
    bytesPerSecond: number;
    holder: string;
    /** Packs that earlier slices found damaged. */
    damaged: string[];
  }): Promise<Scrubbed>;
  drill(asked: { service: string; id: string; releases: KnownRelease[]; by: string }): Promise<Drilled>;
  /** @throws Fault snapshot-missing: no such snapshot of this service, no channel opens it, or it needs no such file */
  keys(asked: { service: string; id: string; files: string[]; isGranted: boolean }): Promise<SnapshotKeys>;
};
export type Move = { service: string; channel: string; snapshot: string | null; by: string };
export type Shown = Pick<SnapshotContentsView, "files" | "filesLeftOut" | "changes" | "changesLeftOut">;
