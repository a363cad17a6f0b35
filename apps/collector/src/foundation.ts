import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openVault } from "@locum/audit";
import type { AuditEvent, AuditKind, AuditRecord } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import { openPolicySigner, type PolicySigner } from "./adapters/policy-signer.ts";
import { openSqliteStore } from "./adapters/sqlite-store.ts";
import { readTokenFile } from "./adapters/token-file.ts";
import { type AuditGate, createAuditGate } from "./audit-gate.ts";
import type { AuditLog } from "./audit-port.ts";
import { type Authenticate, createAuthenticate } from "./auth.ts";
import type { CollectorConfig } from "./config.ts";
import { createEventBus, type EventBus } from "./event-bus.ts";
import { openPeople, type People } from "./people.ts";
import { openRecordIntake, type RecordIntake } from "./record-intake.ts";
import { openReleaseShelf, type ReleaseShelf } from "./release-shelf.ts";
import type { Store } from "./store.ts";
import { createWitnesses, type Witnesses } from "./witnesses.ts";

/** What a collector stands on: its disk, its keys, its leadership. */
export type Foundation = {
  signer: PolicySigner;
  authenticate: Authenticate;
  store: Store;
  auditLog: AuditLog;
  /** Stored before this is returned. */
  term: number;
  bus: EventBus;
  gate: AuditGate;
  intake: RecordIntake;
  shelf: ReleaseShelf;
  witnesses: Witnesses;
  /** Events written since the start, by kind. */
  audited: Partial<Record<AuditKind, number>>;
  people: People;
  /** Writes an event of the collector itself. */
  note(event: Pick<AuditEvent, "kind" | "service" | "reason"> & Partial<AuditEvent>): Promise<void>;
  close(): Promise<void>;
};

type Deps = {
  clock: Clock;
  say: Log;
  openAudit: (folder: string) => Promise<AuditLog>;
  openStore?: (file: string) => Store;
};

/** @throws Fault conflict | config-invalid | disk-full | storage-failed */
export async function openFoundation(
  { dataDir, tokenFile, services }: CollectorConfig,
  { clock, say, openAudit, openStore = openSqliteStore }: Deps,
): Promise<Foundation> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const signer = await openPolicySigner(join(dataDir, "policy-key.pem"));
  const tokens = await readTokenFile(tokenFile, say);
  const store = openStore(join(dataDir, "store.db"));
  const auditLog = await openAudit(join(dataDir, "audit"));
  const term = await store.takeTerm();
  const bus = createEventBus();
  const audited: Partial<Record<AuditKind, number>> = {};
  const onRecords = (records: readonly AuditRecord[]): void => {
    for (const { event } of records) audited[event.kind] = (audited[event.kind] ?? 0) + 1;
    bus.audit(records);
  };
  const witnesses = createWitnesses({ proofs: auditLog.proofs, say });
  const gate = createAuditGate({ log: auditLog, say, onRecords, wallMs: clock.wallMs });
  const note: Foundation["note"] = (event) =>
    gate.append([
      {
        at: new Date(clock.wallMs()).toISOString(),
        instance: null,
        actor: "collector",
        epoch: 0,
        incident: null,
        ...event,
        facts: { term, ...event.facts },
      },
    ]);
  const vault = openVault({ dir: join(dataDir, "vault"), randomBytes });
  const holders = new Set(tokens.flatMap(({ person }) => person ?? []));
  return {
    signer,
    authenticate: createAuthenticate(tokens),
    store,
    auditLog,
    term,
    bus,
    gate,
    intake: await openRecordIntake({ log: auditLog, store, say, onRecords }),
    shelf: await openReleaseShelf(services, store),
    witnesses,
    audited,
    people: await openPeople({ vault, holders, gate, note }),
    note,
    async close() {
      witnesses.close();
      await gate.retry();
      await auditLog.close();
      await store.close();
    },
  };
}
