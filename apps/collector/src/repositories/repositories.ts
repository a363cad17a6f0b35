import { Fault } from "@locum/contracts";
import type { RepositoryView, SnapshotPinView, StoredSnapshotView } from "@locum/contracts/client";
import type { Shown, SnapshotKeys } from "./repository-jobs.ts";

/** The repositories that this collector looks after, by the service whose snapshots they hold. */
export type Repositories = {
  /** @throws Fault not-found: no repository of this service is looked after here */
  view(service: string): RepositoryView;
  /** Of all services that have one. */
  views(): RepositoryView[];
  snapshots(service: string): StoredSnapshotView[];
  show(asked: { service: string; id: string; against: string | null }): Promise<Shown>;
  /** Recorded, then done. `snapshot: null` lets go. */
  pin(asked: Pin): Promise<SnapshotPinView>;
  drill(service: string): void;
  keys(asked: KeysAsked): Promise<SnapshotKeys>;
};
export type Pin = {
  service: string;
  channel: string;
  snapshot: string | null;
  reason: string;
  actor: string;
};
export type KeysAsked = {
  service: string;
  instance: string;
  id: string;
  files: string[];
  actor: string;
};

const none = (service: string): never => {
  throw new Fault("not-found", `no repository of ${service} is looked after here`, {
    hint: "collector.repositories of the service file names them.",
  });
};

export const noRepositories: Repositories = {
  view: none,
  views: () => [],
  snapshots: none,
  show: async ({ service }) => none(service),
  pin: async ({ service }) => none(service),
  drill: none,
  keys: async ({ service }) => none(service),
};
