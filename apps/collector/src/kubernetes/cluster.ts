import { hostname } from "node:os";
import { join } from "node:path";
import type { AuditRecord, CollectorKubernetes, ServiceConfig } from "@locum/contracts";
import type { PodsView } from "@locum/contracts/client";
import { injectConfig } from "@locum/injection";
import { type Clock, type Log, systemRandom } from "@locum/runtime";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import type { TokenHolder } from "../auth.ts";
import type { RunningService } from "../fleet.ts";
import { startTicks } from "../start-ticks.ts";
import { createDeletionCost, type Load } from "./deletion-cost.ts";
import { createDrift } from "./drift.ts";
import { createEventWriter } from "./event-writer.ts";
import { followPods, isInScope, scopesOf } from "./follow-pods.ts";
import { keepActive } from "./keep-active.ts";
import { keepServices } from "./keep-services.ts";
import { createLane, type Lane } from "./lane.ts";
import { podEventOf } from "./pod-event-of.ts";
import { keyOf, type PodSeen } from "./pod-seen.ts";
import { podsView } from "./pods-view.ts";
import { createMemory, readRemembered } from "./remembered.ts";
import { createRoleLabels, isPromoted, wantedRoles } from "./role-labels.ts";
import { createRoster } from "./roster.ts";
import { type Found, servicesOf } from "./services-of.ts";
import { createTokenReviewer } from "./token-reviewer.ts";

/** The rest of the collector, as this room needs it. */
export type ClusterHost = {
  running(service: string): RunningService | undefined;
  all(): readonly RunningService[];
  /** Opens the loop of a service that was found. */
  open(config: ServiceConfig): Promise<void>;
  /** The instances of a running one are others now. */
  change(config: ServiceConfig): void;
  clock: Clock;
  say: Log;
};

export type Cluster = {
  /** The pod that shows this token, as the instance that it is; null whatever is wrong with it. */
  holderOf(token: string): Promise<TokenHolder | null>;
  view(service: string | undefined): PodsView;
  /** Becomes an Event about the pod of its instance. */
  record(record: AuditRecord): void;
  /** A decision changed a service: labels may have to follow. */
  decided(service: string): void;
  figures(): ClusterFigures;
  close(): Promise<void>;
};

export type ClusterFigures = {
  pods: number;
  synced: boolean;
  /** Pods that asked for a sidecar and have none, by namespace and reason. */
  uninjected: readonly { namespace: string; reason: string; count: number }[];
  counts: Readonly<Record<string, number>>;
};

type Options = {
  options: CollectorKubernetes;
  kubernetes: Kubernetes;
  host: ClusterHost;
  dataDir: string;
  /** Services of files: pods do not take their names. */
  reserved: ReadonlySet<string>;
};

const tickMs = 1000;

/**
 * The collector's eyes and hands in Kubernetes. It is beside the decisions, never in their way: every call has a
 * deadline of its own, and while the API server is away all goes on as it was known last.
 */
export async function openCluster(given: Options): Promise<Cluster> {
  const parts = await openParts(given);
  const { roster, host, state } = parts;
  const lanes = lanesOf(parts);
  roster.onChange(() => void lanes.services.run());
  const ending = new AbortController();
  const stopTicks = startTicks(host.clock, tickMs, () => {
    void lanes.services.run();
    void lanes.upkeep.run();
  });
  const followed = followPods(parts.scopes, {
    ...parts,
    ...host,
    signal: ending.signal,
    onTrouble: () => {
      state.troubles += 1;
    },
  });
  await lanes.services.run();
  return {
    holderOf: (token) => holderOf(parts, lanes.services, token),
    view: (service) =>
      podsView(
        { synced: roster.synced(), pods: roster.pods(), found: state.found, drifted: parts.drift.drifted() },
        service,
      ),
    record({ event }) {
      const written = podEventOf(event);
      const namespace = state.found.owners.get(event.service);
      if (!written || event.instance === null || namespace === undefined) return;
      const pod = roster.get(namespace, event.instance);
      if (pod) parts.events.write({ pod, ...written });
    },
    decided: lanes.decided,
    figures: () => figuresOf(parts),
    async close() {
      stopTicks();
      ending.abort();
      await Promise.all([followed, lanes.idle(), parts.events.idle(), parts.memory.idle()]);
      parts.kubernetes.close();
    },
  };
}

type Parts = Awaited<ReturnType<typeof openParts>>;

async function openParts({ options, kubernetes, host, dataDir, reserved }: Options) {
  const { clock, say } = host;
  const file = join(dataDir, "kubernetes.json");
  const remembered = await readRemembered(file, say);
  const scopes = scopesOf(options.namespaces);
  const roster = createRoster(scopes);
  const events = createEventWriter({ kubernetes, clock, random: systemRandom, say, instance: hostname() });
  const first: Found = { ...remembered, leftOut: new Map(), taken: new Map() };
  return {
    options,
    kubernetes,
    host,
    reserved,
    dataDir,
    scopes,
    roster,
    events,
    memory: createMemory(file, say),
    labels: createRoleLabels({ kubernetes, roster, say }),
    costs: createDeletionCost({ kubernetes, clock }),
    drift: createDrift({ kubernetes, events, clock, say, heal: options.heal, config: injectConfig() }),
    review: createTokenReviewer({ kubernetes, audience: options.audience, clock, say }),
    state: { found: first, troubles: 0, lookedAt: -1 },
  };
}

function look({ roster, options, dataDir, reserved, memory, state }: Parts): void {
  // Half of a cluster would have every service lose instances.
  if (!roster.synced() || roster.layout() === state.lookedAt) return;
  state.lookedAt = roster.layout();
  const { approvers } = options;
  state.found = servicesOf(roster.pods(), { approvers, dataDir, reserved, owners: state.found.owners });
  memory.keep(state.found);
}

function lanesOf(parts: Parts) {
  const { host, options, roster, labels, reserved, drift, costs, state } = parts;
  const { clock, say } = host;
  const keepLabels = async (service: string): Promise<void> => {
    const owner = state.found.owners.get(service);
    const running = isPromoted(options, owner) ? host.running(service) : undefined;
    const wanted = running && wantedRoles(running.driver.state());
    if (!wanted) return;
    const isMine = ({ config, ended, namespace }: PodSeen): boolean =>
      config?.service === service && namespace === owner && !ended;
    await labels.keep(roster.pods().filter(isMine), wanted);
  };
  const services = createLane(
    async () => {
      look(parts);
      await keepServices(host, state.found.services, reserved);
      await Promise.all(state.found.services.map(({ service }) => byService(service).run()));
      // A burst of changes is one look, a little later.
      await clock.sleep(gatherMs);
    },
    (error) => say("error", "the services of the cluster were not kept", { error }),
  );
  const upkeep = createLane(
    async () => {
      await drift.keep(roster.pods());
      if (options.deletionCost) await costs.keep(loadsOf(parts));
      for (const running of host.all())
        if (!reserved.has(running.config.service))
          await keepActive(running, { isGoing: (id) => isGoing(parts, running.config.service, id), say });
    },
    (error) => say("error", "the pods of the cluster were not kept", { error }),
  );
  const roles = new Map<string, Lane>();
  const byService = (service: string): Lane => {
    const known = roles.get(service);
    if (known) return known;
    const lane = createLane(
      () => keepLabels(service),
      (error) => say("error", "role labels were not kept", { service, error }),
    );
    roles.set(service, lane);
    return lane;
  };
  return {
    services,
    upkeep,
    decided: (service: string): void => {
      if (!reserved.has(service)) void byService(service).run();
    },
    idle: () => Promise.all([services, upkeep, ...roles.values()].map((lane) => lane.idle())),
  };
}

const gatherMs = 50;

function isGoing({ roster, state }: Parts, service: string, instance: string): boolean {
  const namespace = state.found.owners.get(service);
  return namespace !== undefined && roster.get(namespace, instance)?.deleting === true;
}

function loadsOf({ roster, host, state }: Parts): (readonly [PodSeen, Load])[] {
  return roster.pods().flatMap((pod) => {
    const taken = state.found.taken.get(keyOf(pod));
    const member = taken && host.running(taken.service)?.driver.state().members[taken.instance];
    return member?.report ? [[pod, member.report] as const] : [];
  });
}

async function holderOf(parts: Parts, services: Lane, token: string): Promise<TokenHolder | null> {
  const { review, roster, kubernetes, scopes, state } = parts;
  const identity = await review(token);
  if (!identity) return null;
  const { namespace, pod: name, uid } = identity;
  if (roster.get(namespace, name)?.uid !== uid) {
    // A sidecar may be faster than the watch.
    const object = await kubernetes.get(resources.pods, { namespace, name }).catch(() => null);
    if (!object || !isInScope(object, scopes) || !roster.put(object)) return null;
  }
  if (!state.found.taken.has(keyOf({ namespace, name }))) await services.run();
  const taken = state.found.taken.get(keyOf({ namespace, name }));
  if (!taken || roster.get(namespace, name)?.uid !== uid) return null;
  return {
    name: `pod:${namespace}/${name}`,
    role: "sidecar",
    instance: `${taken.service}/${taken.instance}`,
  };
}

function figuresOf({ roster, labels, events, costs, drift, state }: Parts): ClusterFigures {
  const uninjected = new Map<string, { namespace: string; reason: string; count: number }>();
  for (const { pod, injection, reason } of drift.drifted()) {
    const row = { namespace: pod.namespace, reason: reason ?? injection };
    const key = JSON.stringify(row);
    uninjected.set(key, { ...row, count: (uninjected.get(key)?.count ?? 0) + 1 });
  }
  return {
    pods: roster.pods().length,
    synced: roster.synced(),
    uninjected: [...uninjected.values()],
    counts: {
      label: labels.counts.written,
      label_refused: labels.counts.refused,
      label_failed: labels.counts.failed,
      event: events.counts.written,
      event_dropped: events.counts.dropped,
      deletion_cost: costs.counts.written,
      eviction: drift.counts.evicted,
      eviction_blocked: drift.counts.blocked,
      trouble: state.troubles,
      malformed: roster.malformed(),
    },
  };
}
