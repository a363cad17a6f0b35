import type { Incident, Release } from "@locum/contracts";
import type { Durable } from "@locum/coordination";

/**
 * The small truth that decisions rest on, and nothing else: SQLite on one machine, etcd or the Kubernetes API beyond
 * it. Every promise that resolves means "on disk, read back after a crash at any moment"; a rejection is a Fault
 * `disk-full` or `storage-failed` and means "not known": the caller asks again, which every call here allows.
 * store-conformance.test.ts is this contract as tests; every adapter passes it.
 */
export type Store = {
  /**
   * Begins a leadership: a term greater than every one that this store ever gave, stored before it is returned.
   * Throws `conflict` where another collector holds the store and can only be one.
   */
  takeTerm(): Promise<number>;
  /**
   * Until when, on this process's monotonic clock, the store guarantees that nobody else leads; leases end with it.
   * Infinity where the store admits one process only.
   */
  leadUntilMs(): number;
  readService(service: string): Promise<Durable | null>;
  /**
   * Writes `durable` if the stored version is `durable.version - 1` (none counts as 0). A loser gets what it lost to.
   * Writing what is stored already is a success: a caller that never heard the answer may ask again.
   */
  swapService(
    service: string,
    durable: Durable,
  ): Promise<{ ok: true } | { ok: false; found: Durable | null }>;
  /** First write wins: the claim that stands for this key. `accepted` once its order is known to be stored. */
  claimKey(claim: Claim): Promise<Claim & { accepted: boolean }>;
  acceptKey(key: string): Promise<void>;
  /** Last write wins, by id. */
  putIncident(incident: Incident): Promise<void>;
  /** Newest first. */
  incidents(filter: { service?: string; open?: boolean; limit: number }): Promise<Incident[]>;
  incident(id: string): Promise<Incident | null>;
  /** Content-addressed: the approvals of a release that is known already are replaced. */
  putRelease(release: Release): Promise<void>;
  releases(): Promise<Release[]>;
  /** Asked before the audit log takes records of a sidecar, and marked after it has them. */
  areRecorded(origins: readonly Origin[]): Promise<boolean[]>;
  markRecorded(origins: readonly Origin[]): Promise<void>;
  close(): Promise<void>;
};

/** What an Idempotency-Key was first used for. */
export type Claim = { key: string; request: string; operation: string; service: string; atMs: number };

/**
 * Where a record of a sidecar comes from. The digest is part of it: a sidecar that lost its disk counts from zero
 * again, and what it then says must not be taken for what it said before.
 */
export type Origin = { service: string; instance: string; seq: number; digest: string };
