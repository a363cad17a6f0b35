import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { AuditEvent, CollectorRepository, Release } from "@locum/contracts";
import { type AuditGate, createAuditGate } from "../audit-gate.ts";
import { type MemoryAuditLog, memoryAuditLog } from "../memory-audit-log.fixture.ts";
import { type HandClock, handClock } from "./hand-clock.fixture.ts";
import { type OpenRepositories, openRepositories } from "./open-repositories.ts";
import type { TestRepository } from "./repository.fixture.ts";

export type KeptRig = {
  repositories: OpenRepositories;
  hand: HandClock;
  audit: MemoryAuditLog;
  dataDir: string;
  gate: AuditGate;
  events(kind: AuditEvent["kind"]): AuditEvent[];
  close(): Promise<void>;
};

/** The keeper over a real folder, with time by hand and an audit log in memory. */
export async function keepForTest(
  test: TestRepository,
  {
    config = {},
    configs,
    services = ["s"],
    releases = [],
    proven = [],
    hand = handClock(Date.now()),
    audit = memoryAuditLog(),
    dataDir = mkdtempSync(join(test.folder, "data-")),
  }: {
    config?: object;
    configs?: CollectorRepository[];
    services?: string[];
    releases?: Release[];
    proven?: string[];
    hand?: HandClock;
    audit?: MemoryAuditLog;
    dataDir?: string;
  } = {},
): Promise<KeptRig> {
  const say = () => undefined;
  const { clock } = hand;
  const gate = createAuditGate({ log: audit, say, onRecords: () => {}, wallMs: clock.wallMs });
  const at = () => new Date(clock.wallMs()).toISOString();
  const repositories = await openRepositories(configs ?? [test.config(config)], {
    dataDir,
    term: 7,
    clock,
    random: { next: () => 0.5 },
    say,
    gate,
    note: (event) =>
      gate.append([
        { at: at(), instance: null, actor: "collector", epoch: 0, incident: null, facts: {}, ...event },
      ]),
    services: () => services,
    releasesOf: () => releases,
    isProven: (_, release) => proven.includes(release),
    quotaOf: () => 1_000_000_000,
    openThread: () => test.thread(clock.wallMs),
  });
  return {
    repositories,
    hand,
    audit,
    dataDir,
    gate,
    events: (kind) => audit.records.flatMap(({ event }) => (event.kind === kind ? [event] : [])),
    close: repositories.close,
  };
}
