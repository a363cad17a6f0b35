import type { z } from "zod";
import { clientRequest, type Transport } from "./api/client-request.ts";
import type { ConsoleLink } from "./api/console-routes.ts";
import type { AuditQuery, EvidenceView, ShippingView, StreamEvent } from "./api/evidence-routes.ts";
import { followEvents } from "./api/follow-events.ts";
import type { InstanceView } from "./api/instance-routes.ts";
import type { OperationView, PauseView } from "./api/operation-routes.ts";
import type { PodsView, PodView } from "./api/pod-routes.ts";
import type { ReadyView } from "./api/probe-routes.ts";
import type { GoldenView, ReleaseView, SnapshotView } from "./api/release-routes.ts";
import type {
  RepositoryView,
  SnapshotContentsView,
  SnapshotDrillView,
  SnapshotKeysView,
  SnapshotPinView,
  StoredSnapshotView,
} from "./api/repository-routes.ts";
import type { ServiceView } from "./api/service-routes.ts";
import type { AuditRecord } from "./audit-event.ts";
import type { AuditProof } from "./audit-proof.ts";
import type { AuditAnswer, AuditSearch } from "./audit-search.ts";
import { Fault } from "./fault.ts";
import type { Incident } from "./incident.ts";
import type { Release } from "./release.ts";

export { FaultAnswer } from "./api/fault-answer.ts";
export type {
  ConsoleLink,
  EvidenceView,
  GoldenView,
  InstanceView,
  OperationView,
  PauseView,
  PodsView,
  PodView,
  ReadyView,
  ReleaseView,
  RepositoryView,
  ServiceView,
  ShippingView,
  SnapshotContentsView,
  SnapshotDrillView,
  SnapshotKeysView,
  SnapshotPinView,
  SnapshotView,
  StoredSnapshotView,
  StreamEvent,
};

export type ClientOptions = {
  baseUrl: string;
  token?: string;
  /** Of one request; streams have none. */
  timeoutMs?: number;
  fetch?: typeof fetch;
  /** PEM of the authority that signed the collector's certificate. */
  ca?: string;
};
type Target = { service: string; instance: string; reason?: string };
/** The same key and body is the same operation, whatever was lost on the way; a new one if absent. */
type Once = { key?: string };
type Scope = { service?: string };

export type Client = ReturnType<typeof createClient>;

/**
 * The collector's API as functions. Every error answer comes as a Fault with the code, message and hint that the
 * collector gave; a collector that does not answer is the Fault `collector-unreachable`.
 */
export function createClient(options: ClientOptions) {
  const transport = clientRequest(options);
  const { get, post } = transport;
  return {
    ready: () => get<ReadyView>("/readyz", {}, { answers: [200, 503] }),
    services: () => get<{ services: ServiceView[] }>("/v1/services").then(({ services }) => services),
    service: (service: string) => get<ServiceView>(`/v1/services/${segment(service)}`),
    instances: (scope: Scope = {}) =>
      get<{ instances: InstanceView[] }>("/v1/instances", scope).then(({ instances }) => instances),
    instance: (service: string, instance: string) =>
      get<InstanceView>(`/v1/instances/${segment(service)}/${segment(instance)}`),
    pods: (scope: Scope = {}) => get<PodsView>("/v1/pods", scope),
    goldens: (scope: Scope = {}) =>
      get<{ goldens: GoldenView[] }>("/v1/goldens", scope).then(({ goldens }) => goldens),
    releases: (scope: Scope = {}) =>
      get<{ releases: ReleaseView[] }>("/v1/releases", scope).then(({ releases }) => releases),
    release: (digest: string) => get<Release>(`/v1/releases/${segment(digest)}`),
    approveRelease: (release: Release) => post<ReleaseView>("/v1/releases", release),
    snapshots: (scope: Scope = {}) =>
      get<{ snapshots: SnapshotView[] }>("/v1/snapshots", scope).then(({ snapshots }) => snapshots),
    incidents: (scope: Scope & { open?: boolean; limit?: number } = {}) =>
      get<{ incidents: Incident[] }>("/v1/incidents", scope).then(({ incidents }) => incidents),
    incident: (id: string) => get<Incident>(`/v1/incidents/${segment(id)}`),
    evidence: () => get<{ evidence: EvidenceView[] }>("/v1/evidence").then(({ evidence }) => evidence),
    audit: ({ kind, ...query }: Partial<z.output<typeof AuditQuery>> = {}) =>
      get<{ records: AuditRecord[] }>("/v1/audit", { ...query, kind: kind?.join(",") }).then(
        ({ records }) => records,
      ),
    searchAudit: (search: z.input<typeof AuditSearch>) => post<AuditAnswer>("/v1/audit/search", search),
    proveAudit: (seqs: readonly number[]) => post<AuditProof>("/v1/audit/proofs", { seqs }),
    consoleLink: () => post<ConsoleLink>("/v1/console/links", {}),
    people: () => get<{ people: Record<string, string> }>("/v1/audit/people").then(({ people }) => people),
    forgetPerson: (body: { person: string; reason?: string }) =>
      post<{ actor: string | null }>("/v1/audit/forget", body),
    replayAudit: () => post<{ sent: number; left: number }>("/v1/audit/replays", {}),
    shipping: () => get<ShippingView>("/v1/audit/shipping"),
    events: (follow: Scope & { after?: number; signal?: AbortSignal } = {}): AsyncIterable<StreamEvent> =>
      followEvents(transport, follow),
    ...repositoryCalls(transport),
    ...operationCalls(transport),
  };
}

function repositoryCalls({ get, post, put, remove }: Transport) {
  const of = (service: string) => `/v1/services/${segment(service)}/snapshots`;
  return {
    repositories: (scope: Scope = {}) =>
      get<{ repositories: RepositoryView[] }>("/v1/repositories", scope).then(
        ({ repositories }) => repositories,
      ),
    storedSnapshots: (service: string, query: { limit?: number } = {}) =>
      get<{ repository: RepositoryView; snapshots: StoredSnapshotView[] }>(of(service), query),
    storedSnapshot: (service: string, id: string, query: { against?: string } = {}) =>
      get<SnapshotContentsView>(`${of(service)}/${segment(id)}`, query),
    pinSnapshot: (service: string, channel: string, body: { snapshot: string; reason?: string }) =>
      put<SnapshotPinView>(`${of(service)}/pins/${segment(channel)}`, body),
    unpinSnapshot: (service: string, channel: string, query: { reason?: string } = {}) =>
      remove<SnapshotPinView>(`${of(service)}/pins/${segment(channel)}`, query),
    drillSnapshot: (service: string) => post<RepositoryView>(`${of(service)}/verify`, {}),
    openSnapshotKeys: (service: string, id: string, body: { instance: string; files: string[] }) =>
      post<SnapshotKeysView>(`${of(service)}/${segment(id)}/keys`, body),
  };
}

function operationCalls({ get, post }: Transport) {
  const order = (path: string, body: object, { key = crypto.randomUUID() }: Once = {}) =>
    post<OperationView>(path, body, { "idempotency-key": key });
  const operation = (id: string) => get<OperationView>(`/v1/operations/${segment(id)}`);
  return {
    operations: (scope: Scope & { limit?: number } = {}) =>
      get<{ operations: OperationView[] }>("/v1/operations", scope).then(({ operations }) => operations),
    operation,
    wait: (id: string, options: WaitOptions = {}) => waitForEnd(() => operation(id), options),
    promote: (body: Target & { force?: boolean }, once?: Once) => order("/v1/promotions", body, once),
    restore: (body: Target & { release?: string | null }, once?: Once) => order("/v1/restores", body, once),
    reload: (body: Target, once?: Once) => order("/v1/reloads", body, once),
    restart: (body: Target, once?: Once) => order("/v1/restarts", body, once),
    failback: (body: Target, once?: Once) => order("/v1/failbacks", body, once),
    drill: (body: Target & { fault: string; ms?: number }, once?: Once) => order("/v1/drills", body, once),
    pause: (body: { service: string; ms?: number; reason?: string }) => post<PauseView>("/v1/pause", body),
    resume: (body: { service: string; reason?: string }) => post<PauseView>("/v1/resume", body),
  };
}

type WaitOptions = {
  timeoutMs?: number;
  pollMs?: number;
  signal?: AbortSignal;
  onChange?: (operation: OperationView) => void;
};

/** Asks until the operation has ended. Lives through a collector that restarts while it waits. */
async function waitForEnd(
  ask: () => Promise<OperationView>,
  { timeoutMs = 600_000, pollMs = 200, signal, onChange }: WaitOptions,
): Promise<OperationView> {
  const deadline = performance.now() + timeoutMs;
  let seen = "";
  for (;;) {
    const operation = await ask().catch((error: unknown) => {
      if (!(error instanceof Fault) || error.retry === "never" || performance.now() > deadline) throw error;
    });
    if (operation && `${operation.state}${operation.detail}` !== seen) {
      seen = `${operation.state}${operation.detail}`;
      onChange?.(operation);
    }
    if (operation && operation.endedAtMs !== null) return operation;
    signal?.throwIfAborted();
    if (performance.now() > deadline)
      throw new Fault("conflict", `the operation has not ended within ${timeoutMs} ms; it goes on`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

const segment = encodeURIComponent;
