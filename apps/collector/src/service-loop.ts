import { join } from "node:path";
import type { Policy, ServiceConfig, SignedPolicy } from "@locum/contracts";
import { type decide as Decide, planOf, startService } from "@locum/coordination";
import type { Clock, Log } from "@locum/runtime";
import { openInputLog } from "./adapters/input-log.ts";
import { createNotifier } from "./adapters/notify.ts";
import type { StreamHub } from "./adapters/stream-hub.ts";
import { verifyTrafficPath } from "./adapters/traffic-path.ts";
import type { AuditGate } from "./audit-gate.ts";
import { refusedAlready } from "./audit-gate.ts";
import { createDecisionWriter, type DecisionWriter } from "./decision-writer.ts";
import { createDriver } from "./drive.ts";
import type { EventBus } from "./event-bus.ts";
import type { RunningService } from "./fleet.ts";
import { createPerformer, type Performer } from "./perform.ts";
import type { Store } from "./store.ts";
import { instanceView, isNews } from "./views/instance-view.ts";

/** Closed incidents are history; of open ones there is at most one an instance. */
const openIncidentsMax = 1000;

export type ServiceLoop = RunningService & {
  performer: Performer;
  writer: DecisionWriter;
  stop(): Promise<void>;
};

type Ports = {
  decide: typeof Decide;
  config: ServiceConfig;
  term: number;
  dataDir: string;
  store: Store;
  gate: AuditGate;
  bus: EventBus;
  hub: () => Pick<StreamHub, "send" | "sendAll">;
  fleetSilence: () => { silent: number; size: number };
  sign: (policy: Policy) => SignedPolicy;
  clock: Clock;
  say: Log;
  onBroken: (error: unknown) => void;
  /** Roles, epoch, or what is stored of them may have changed. */
  onDecided?: (service: string) => void;
};

/** Wires one service: its stored state into the core, the core's effects into the world, and what comes back into the core. */
export async function openServiceLoop(ports: Ports): Promise<ServiceLoop> {
  const { config, store, gate, clock, say } = ports;
  const { service } = config;
  const put: RunningService["driver"]["put"] = (input) => driver.put(input);
  const inputLog = openInputLog(join(ports.dataDir, "inputs", service), { say });
  const writer = createDecisionWriter({ service, store, clock, say, put });
  const notifier = createNotifier({
    targets: config.notify,
    onFailed: ({ event, subject }, target, reason) =>
      void gate
        .append([
          {
            ...event,
            kind: "notify.failed",
            reason: `${target}: ${reason}`.slice(0, 1000),
            facts: { subject, target },
          },
        ])
        .catch(refusedAlready),
  });
  const performer = createPerformer({
    service,
    writer,
    gate,
    clock,
    say,
    put,
    sign: ports.sign,
    send: (instance, incarnation, frame) =>
      incarnation !== null && ports.hub().send(service, instance, incarnation, frame),
    sendAll: (frame) => ports.hub().sendAll(service, null, frame),
    isAwaited: (command) => driver.state().awaited[command] !== undefined,
    incarnationOf: (instance) => driver.state().members[instance]?.incarnation ?? null,
    verifyPath: (instance, epoch) =>
      verifyTrafficPath(driver.state().members[instance]?.report ?? null, epoch),
    notify: (subject, event) => notifier.notify({ subject, event }),
  });
  const driver = createDriver({
    decide: ports.decide,
    start: startService(planOf(config)),
    clock,
    inputLog,
    say,
    perform: performer.perform,
    fleet: ports.fleetSilence,
    leadUntilMs: store.leadUntilMs,
    onBroken: ports.onBroken,
    onDecided: (before, after) => {
      if (before.durable !== after.durable || before.storing !== after.storing) ports.onDecided?.(service);
      if (before.members === after.members) return;
      for (const member of Object.values(after.members))
        if (isNews(before.members[member.id], member))
          ports.bus.report(instanceView(after, member.id, clock.monotonicMs()));
    },
  });
  const durable = await store.readService(service);
  const incidents = await store.incidents({ service, open: true, limit: openIncidentsMax });
  put({ kind: "start", term: ports.term, durable, incidents, leadUntilMs: store.leadUntilMs() });
  return {
    config,
    driver,
    performer,
    writer,
    counts: performer.counts,
    async stop() {
      await driver.stop();
      performer.stop();
      writer.stop();
      await Promise.all([performer.idle(), writer.idle(), inputLog.close()]);
    },
  };
}
