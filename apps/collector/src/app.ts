import { randomUUID } from "node:crypto";
import { Fault } from "@locum/contracts";
import type { EvidenceView, PodsView, ReadyView, ShippingView } from "@locum/contracts/client";
import { type Handlers, mount, newApp } from "@locum/contracts/mount";
import { openapiDocument } from "@locum/contracts/openapi";
import {
  type Clock,
  type Log,
  type MetricFamily,
  prometheusContentType,
  renderPrometheus,
  systemRandom,
} from "@locum/runtime";
import type { AuditGate } from "./audit-gate.ts";
import type { AuditLog } from "./audit-port.ts";
import { readAudit } from "./audit-port.ts";
import type { AuthenticateLater } from "./auth.ts";
import { createConsole } from "./console/console.ts";
import { codeMs, createSessions, type Sessions } from "./console/sessions.ts";
import type { EventBus } from "./event-bus.ts";
import { eventResponse } from "./event-response.ts";
import type { Fleet } from "./fleet.ts";
import { orderHandlers } from "./order-handlers.ts";
import type { People } from "./people.ts";
import type { ReleaseShelf } from "./release-shelf.ts";
import type { Repositories } from "./repositories/repositories.ts";
import { repositoryHandlers } from "./repositories/repository-handlers.ts";
import type { Store } from "./store.ts";
import { instanceView } from "./views/instance-view.ts";
import { operationView } from "./views/operation-view.ts";
import { goldenViews, releaseView } from "./views/release-view.ts";
import { serviceView } from "./views/service-view.ts";

export type AppDeps = {
  fleet: Fleet;
  store: Store;
  shelf: ReleaseShelf;
  auditLog: AuditLog;
  /** Shut while the audit log takes nothing: then nobody orders anything. */
  gate: Pick<AuditGate, "assertOpen">;
  people: People;
  bus: EventBus;
  authenticate: AuthenticateLater;
  /** Pods as Kubernetes shows them; of one service if named. */
  pods: (service: string | undefined) => PodsView;
  clock: Clock;
  say: Log;
  /** What stands against being ready; nothing when ready. */
  problems: () => ReadyView["problems"];
  metrics: () => MetricFamily[];
  /** Of the pages: the name of their cookie, and whether they come by TLS. */
  console: { cookie: string; secure: boolean };
  evidence: () => Promise<EvidenceView[]>;
  /** How the copy of the audit log in Elasticsearch stands. */
  shipping: () => ShippingView;
  /** Sends what has a dead letter again. @throws Fault not-found where nothing is configured */
  replay: () => Promise<{ sent: number; left: number }>;
  repositories: Repositories;
  /** Whether answers come by TLS, or to this machine only. */
  isPrivate: boolean;
  /** A release was approved: recorded and told to the sidecars of its service. */
  announce: (digest: string, by: string) => Promise<void>;
  newId?: () => string;
};

/** The API of the collector, by the routes of the contracts. Reads come from the state, orders go to the drivers. */
export function createApp(deps: AppDeps) {
  const { authenticate, say, newId = randomUUID } = deps;
  const sessions = createSessions({ clock: deps.clock, random: systemRandom });
  const handlers: Handlers = {
    ...fleetHandlers(deps),
    ...releaseHandlers(deps),
    ...repositoryHandlers(deps),
    ...orderHandlers({ ...deps, newId }),
    ...evidenceHandlers(deps),
    ...consoleHandlers(sessions),
    ...probeHandlers(deps),
  };
  const app = mount(newApp(), handlers, {
    authenticate,
    onDefect: (error) => say("error", "a request failed unexpectedly", { error }),
  });
  app.route("/", createConsole({ ...deps, ...deps.console, sessions }));
  return app;
}

const fleetHandlers = ({ fleet, people, clock, pods }: AppDeps) =>
  ({
    listPods: ({ query }) => {
      fleet.select(query.service);
      return pods(query.service);
    },
    listServices: () => ({
      services: fleet.all().map(({ config, driver }) => serviceView(config, driver.state())),
    }),
    getService: ({ params }) => {
      const { config, driver } = fleet.get(params.service);
      return serviceView(config, driver.state());
    },
    listInstances: ({ query }) => ({
      instances: fleet.select(query.service).flatMap(({ driver }) => {
        const state = driver.state();
        return state.plan.instances.map(({ id }) => instanceView(state, id, clock.monotonicMs()));
      }),
    }),
    getInstance: ({ params }) =>
      instanceView(fleet.get(params.service).driver.state(), params.instance, clock.monotonicMs()),
    listSnapshots: ({ query }) => ({
      snapshots: fleet.select(query.service).flatMap(({ driver }) =>
        Object.values(driver.state().members).flatMap(({ id, report, heardAtMs }) =>
          (report?.restorable ?? []).map((release) => ({
            service: driver.state().plan.service,
            instance: id,
            release,
            ageMs: heardAtMs === null ? null : Math.max(0, Math.round(clock.monotonicMs() - heardAtMs)),
          })),
        ),
      ),
    }),
    listOperations: ({ query }) => ({
      operations: fleet
        .select(query.service)
        .flatMap(({ driver }) => {
          const { durable, plan } = driver.state();
          return Object.values(durable.operations).map((operation) =>
            operationView(plan.service, operation, people),
          );
        })
        .sort((a, b) => b.createdAtMs - a.createdAtMs)
        .slice(0, query.limit),
    }),
    getOperation: ({ params }) => {
      for (const { driver } of fleet.all()) {
        const { durable, plan } = driver.state();
        const operation = durable.operations[params.id];
        if (operation && Object.hasOwn(durable.operations, params.id))
          return operationView(plan.service, operation, people);
      }
      throw new Fault("not-found", `no operation ${params.id} is kept here`);
    },
  }) satisfies Partial<Handlers>;

const releaseHandlers = ({ fleet, shelf, gate, people, announce }: AppDeps) =>
  ({
    listGoldens: ({ query }) => ({
      goldens: fleet
        .select(query.service)
        .flatMap(({ config }) => shelf.of(config.service).flatMap(goldenViews)),
    }),
    listReleases: ({ query }) => ({
      releases: fleet
        .select(query.service)
        .flatMap(({ config, driver }) =>
          shelf.of(config.service).map((release) => releaseView(release, driver.state())),
        ),
    }),
    getRelease: ({ params }) => {
      const release = shelf.find(params.digest);
      if (!release) throw new Fault("not-found", `no approved release ${params.digest} is kept here`);
      return release;
    },
    approveRelease: async ({ body, caller }) => {
      gate.assertOpen();
      const { release, added } = await shelf.put(body);
      if (added) await announce(release.digest, await people.actorOf(caller));
      return releaseView(release, fleet.get(release.body.service).driver.state());
    },
  }) satisfies Partial<Handlers>;

const evidenceHandlers = ({ fleet, store, auditLog, bus, people, evidence, shipping, replay }: AppDeps) =>
  ({
    listIncidents: async ({ query: { service, open, limit } }) => {
      fleet.select(service);
      const filter = {
        limit,
        ...(service === undefined ? {} : { service }),
        ...(open === undefined ? {} : { open }),
      };
      return { incidents: await store.incidents(filter) };
    },
    getIncident: async ({ params }) => {
      const incident = await store.incident(params.id);
      if (!incident) throw new Fault("not-found", `no incident ${params.id}`);
      return incident;
    },
    listEvidence: async () => ({ evidence: await evidence() }),
    queryAudit: async ({ query: { kind, after, service, instance, incident, limit, order } }) => {
      const records = await readAudit(auditLog, {
        limit,
        order,
        ...(kind === undefined ? {} : { kinds: kind }),
        ...(after === undefined ? {} : { afterSeq: after }),
        ...(service === undefined ? {} : { service }),
        ...(instance === undefined ? {} : { instance }),
        ...(incident === undefined ? {} : { incident }),
      });
      return { records };
    },
    searchAudit: ({ body }) => auditLog.search(body),
    proveAudit: ({ body }) => auditLog.prove(body.seqs),
    listPeople: () => ({ people: people.names() }),
    forgetPerson: ({ body: { person, reason }, caller }) => people.forget(person, { by: caller, reason }),
    getShipping: () => shipping(),
    replayAudit: () => replay(),
    streamEvents: ({ query, headers, signal }) => {
      fleet.select(query.service);
      const after = headers["last-event-id"] ?? query.after;
      return eventResponse({ bus, log: auditLog, service: query.service, after, signal });
    },
  }) satisfies Partial<Handlers>;

const consoleHandlers = (sessions: Sessions) =>
  ({
    // The pages only read, so whoever comes by an address reads and no more.
    createConsoleLink: ({ caller }) => ({
      path: `/login?code=${sessions.issueCode({ name: caller?.name ?? "", role: "viewer" })}`,
      lastsMs: codeMs,
    }),
  }) satisfies Partial<Handlers>;

const probeHandlers = ({ problems, metrics }: AppDeps) =>
  ({
    live: () => ({ live: true }) as const,
    ready: () => {
      const found = problems();
      const view: ReadyView = { ready: found.length === 0, problems: found };
      return Response.json(view, { status: view.ready ? 200 : 503 });
    },
    metrics: () =>
      new Response(renderPrometheus(metrics()), { headers: { "content-type": prometheusContentType } }),
    openapi: () => openapiDocument() as unknown as Record<string, unknown>,
  }) satisfies Partial<Handlers>;
