import {
  type AuditAnswer,
  type AuditRecord,
  canonicalJson,
  type Incident,
  sha256Hex,
} from "@locum/contracts";
import type {
  InstanceView,
  PodsView,
  ReleaseView,
  RepositoryView,
  ServiceView,
} from "@locum/contracts/client";

/** One of everything that a page shows, each text of it hostile. */
export const hostile = `"><script>alert(1)</script><img src=x onerror='alert(1)'>`;
export const nowMs = Date.parse("2030-01-31T12:00:00Z");
const digest = `sha256:${"a".repeat(64)}`;

const body = {
  seq: 7,
  previous: "0".repeat(64),
  event: {
    kind: "incident.open" as const,
    at: "2030-01-31T11:59:00.000Z",
    service: hostile,
    instance: hostile,
    actor: hostile,
    epoch: 3,
    incident: hostile,
    reason: hostile,
    facts: { [hostile]: hostile, fits: false, none: null },
  },
};
export const record: AuditRecord = { ...body, hash: sha256Hex(canonicalJson(body)) };
export const service: ServiceView = {
  service: hostile,
  class: "stateless",
  posture: "tap",
  mode: "auto",
  state: "failed",
  term: 1,
  epoch: 2,
  active: [hostile],
  fit: [],
  instances: 1,
  connected: 1,
  pausedUntilMs: nowMs + 60_000,
  frozen: [digest],
  observeOnly: true,
  massSilence: true,
  promoting: hostile,
  incidents: [hostile],
};
export const repository: RepositoryView = {
  service: hostile,
  repository: hostile,
  problem: { code: hostile, detail: hostile, sinceMs: 0 },
  lookedAtMs: nowMs,
  verified: hostile,
  rpoAgeMs: 10_800_000,
  restorable: false,
  reason: hostile,
  drill: {
    snapshot: hostile,
    atMs: nowMs - 7_200_000,
    outcome: "failed",
    code: hostile,
    detail: hostile,
    ...{ files: 1, bytes: 1, planMs: 1, fetchMs: 1, decodeMs: 1 },
    release: hostile,
  },
  drilling: false,
  scrub: { slice: 1, slices: 2, atMs: nowMs, wholeSinceMs: nowMs, damaged: [hostile] },
  escrowAgeMs: null,
  escrowDue: true,
  bytes: 1,
  quotaBytes: null,
};
export const instance: InstanceView = {
  service: hostile,
  instance: hostile,
  role: "active",
  shadow: true,
  connected: true,
  contested: true,
  silent: false,
  incarnation: hostile,
  ageMs: 1200,
  healthyForMs: null,
  incident: hostile,
  report: {
    role: "active",
    term: 1,
    epoch: 2,
    verdict: {
      kind: "failed",
      failure: "hung",
      hard: true,
      evidence: [{ rung: "golden", atMs: 0, detail: hostile }],
    },
    goldens: "failed",
    provenAgeMs: null,
    bytes: "approved",
    tree: digest,
    release: digest,
    restorable: [],
    quietMs: 0,
    fit: false,
    diverted: true,
    canRestart: false,
    inflight: 3,
    requestsPerSecond: 12.5,
    capacityPerSecond: 50,
    p99Ms: 20,
    tap: hostile,
    control: hostile,
    policy: 0,
    models: {
      [hostile]: {
        verdict: { kind: "suspect", failure: "hung", evidence: [] },
        goldens: "failed",
        provenAgeMs: null,
        release: null,
        fit: false,
        diverted: true,
      },
      fine: {
        verdict: { kind: "healthy", evidence: [] },
        goldens: "proven",
        provenAgeMs: 1,
        release: null,
        fit: true,
        diverted: false,
      },
    },
  },
};
export const release: ReleaseView = {
  service: hostile,
  digest,
  createdAt: "2030-01-30T12:00:00.000Z",
  note: hostile,
  tree: digest,
  files: 1,
  bytes: 10,
  models: [hostile],
  goldens: 3,
  approvedBy: [hostile],
  served: [hostile],
};
export const pods: PodsView = {
  kubernetes: "synced",
  pods: [
    {
      namespace: hostile,
      pod: hostile,
      node: hostile,
      service: null,
      instance: null,
      injection: "missed",
      detail: hostile,
      version: null,
      rev: null,
      role: null,
      ready: true,
      deleting: false,
    },
  ],
};
export const noPods: PodsView = { kubernetes: "off", pods: [] };
export const incident: Incident = {
  id: hostile,
  service: hostile,
  instance: hostile,
  failure: "hung",
  openedAtMs: nowMs - 5000,
  closedAtMs: null,
  drill: hostile,
  timeline: [{ offsetMs: 0, step: "detect", instance: hostile, detail: hostile }],
};
export const answer: AuditAnswer = {
  records: [record],
  next: [7],
  aggregations: {
    time: { buckets: [{ key: nowMs - 60_000, count: 1, by: [{ key: hostile, count: 1 }] }] },
    panel: { buckets: [{ key: hostile, count: 4 }] },
  },
};
