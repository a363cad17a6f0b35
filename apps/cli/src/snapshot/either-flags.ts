import { Fault } from "@locum/contracts";
import { collectorFlags } from "../collector-access.ts";
import { repositoryFlags } from "./access-repository.ts";

/** Of a verb that opens a repository itself, or asks the collector that looks after it. */
export const eitherFlags = {
  ...repositoryFlags,
  ...collectorFlags,
  repository: { ...repositoryFlags.repository, required: false },
  service: { kind: "text", about: "ask the collector, which looks after this service's repository" },
} as const;

/** @throws Fault usage */
export function needPlace({ repository }: { repository?: string | undefined }): string {
  if (repository !== undefined) return repository;
  throw new Fault("usage", "expected --repository PLACE, or --service NAME to ask the collector");
}
