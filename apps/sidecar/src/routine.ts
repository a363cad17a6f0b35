import type { AuditEvent, Command, CommandResult } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import type { ActContext } from "./acts/act-context.ts";
import { inMaintenance } from "./acts/maintenance.ts";
import { isServing } from "./acts/restart.ts";
import { createAlone } from "./alone.ts";
import type { SidecarConfig } from "./config.ts";
import type { Drills } from "./drill/drills.ts";
import type { FilesWatch } from "./files-watch.ts";
import type { InputObserver } from "./input-observer.ts";
import type { Instance } from "./instance.ts";
import type { Ladder } from "./ladder/ladder.ts";
import type { Metering } from "./metering.ts";
import { isFitFor, type PeerBook } from "./peers.ts";
import { createPerformer, type Performer } from "./perform.ts";
import type { ReleaseShelf } from "./release-shelf.ts";
import type { Reporting } from "./reporting.ts";
import type { RestartDriver } from "./restart/restart-driver.ts";
import type { SnapshotKeeper } from "./snapshots/snapshot-keeper.ts";
import type { TreeSources } from "./sources/tree-sources.ts";
import type { Upstream } from "./upstream.ts";

export type RoutineOptions = {
  config: SidecarConfig;
  instance: Instance;
  upstream: Upstream;
  shelf: ReleaseShelf;
  peers: PeerBook;
  drills: Drills;
  restartDriver: RestartDriver | null;
  metering: Metering;
  inputs: InputObserver;
  sources: TreeSources | null;
  /** Null where none are taken into a repository. */
  snapshots: Pick<SnapshotKeeper, "proven" | "giveWay"> | null;
  record: (fact: Pick<AuditEvent, "kind" | "reason" | "facts">) => Promise<boolean>;
  /** Whether nothing waits for the disk any more. */
  canRecord: () => Promise<boolean>;
  clock: Clock;
  log: Log;
};

export type Routine = {
  perform(command: Command): Promise<CommandResult>;
  /** `freshModel`: the model server was started just now, and is away until it has loaded. */
  start(reporting: Reporting, freshModel: boolean): void;
  stop(): Promise<void>;
};

/** Short enough that a hang is seen within its objective, and nothing at all for an idle machine. */
const tickMs = 50;
const rescanMs = 2000;
const askAgainMs = 1000;
const sourcesMs = 60_000;

/** What happens by itself, again and again: rungs, proofs, heartbeats, and repairs while nobody else is there. */
export function createRoutine(options: RoutineOptions): Routine {
  const { config, instance, metering, inputs, snapshots, record, clock, log } = options;
  const { drive } = instance;
  const alone = createAlone(config);
  const unrecorded = createUnrecorded(options);
  const timers: NodeJS.Timeout[] = [];
  let started: { ladder: Ladder; files: FilesWatch | null; performer: Performer } | null = null;
  let serial = 0;
  let working: Promise<unknown> = Promise.resolve();

  const perform = async (command: Pick<Command, "id" | "act">): Promise<CommandResult> => {
    if (!started)
      return { id: command.id, outcome: "failed", code: "internal", detail: "not started", tookMs: 0 };
    const performing = started.performer.perform(command);
    if (command.act.kind === "restore") snapshots?.giveWay(performing);
    const result = await performing;
    metering.act(command.act.kind, result.outcome);
    inputs.forget();
    return result;
  };
  /** Its own repair, told before and after, so that the story is whole when a collector reads it. */
  const repairAlone = async (act: Command["act"], why: string): Promise<void> => {
    serial += 1;
    const kind = act.kind as "restore" | "reload" | "restart";
    if (!(await record({ kind: `${kind}.intent`, reason: why, facts: {} }))) {
      log("error", "does not repair: its intent cannot be recorded", { action: kind, reason: why });
      const facts = { outcome: "refused", code: "disk-full" };
      await record({ kind: `${kind}.result`, reason: "its intent could not be recorded", facts });
      alone.unrun();
      unrecorded.begin();
      return;
    }
    log("info", "repairs its own instance: no collector is there", { action: kind, reason: why });
    const { outcome, code, detail, tookMs } = await perform({ id: `alone-${serial}`, act });
    await record({
      kind: `${kind}.result`,
      reason: detail,
      facts: { outcome, code, tookMs: Math.round(tookMs) },
    });
  };
  const tick = (): void => {
    if (!started) return;
    started.ladder.tick();
    drive.turn();
    const report = instance.report();
    const isProven = report.goldens === "proven" && report.release !== null;
    if (isProven && report.owner === report.release && report.verdict.kind === "healthy") {
      started.files?.watch()?.proven(report.owner ?? "");
      if (report.owner && report.tree) snapshots?.proven({ release: report.owner, tree: report.tree });
    }
    const repairing = started.performer.isRepairing();
    if (unrecorded.lasts()) return;
    const next = alone.next({ state: drive.state(), report, repairing, nowMs: clock.monotonicMs() });
    if (next) working = repairAlone(next.act, next.why);
  };
  const lookForSources = (): void => {
    options.sources?.refresh().catch((error: unknown) => {
      log("warn", "what could be restored from elsewhere is not known", { error });
    });
  };
  const every = (ms: number, act: () => void): void => void timers.push(setInterval(act, ms));

  return {
    perform,
    start(reporting, freshModel) {
      const { ladder, files } = instance.start();
      const context = contextOf(options, ladder, files);
      started = { ladder, files, performer: createPerformer(context) };
      if (freshModel) void inMaintenance(context, "start", () => isServing(context));
      every(tickMs, tick);
      every(config.service.failover.heartbeatMs, reporting.beat);
      every(rescanMs, () => void instance.rescan());
      every(sourcesMs, lookForSources);
      lookForSources();
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await working;
    },
  };
}

/** While the disk takes no record nothing is repaired; it is asked once a second whether it does again. */
function createUnrecorded({ canRecord, clock }: Pick<RoutineOptions, "canRecord" | "clock">) {
  let isOn = false;
  let askAtMs = 0;
  return {
    begin(): void {
      isOn = true;
      askAtMs = clock.monotonicMs() + askAgainMs;
    },
    lasts(): boolean {
      if (isOn && clock.monotonicMs() >= askAtMs) {
        askAtMs = clock.monotonicMs() + askAgainMs;
        void canRecord().then((can) => {
          isOn = !can;
        });
      }
      return isOn;
    },
  };
}

const contextOf = (options: RoutineOptions, ladder: Ladder, files: FilesWatch | null): ActContext => {
  const { config, instance, upstream, shelf, sources, peers, drills, restartDriver, clock, log } = options;
  const { drive, tap, models, rescan, work } = instance;
  return {
    config,
    drive,
    ladder,
    upstream,
    tap,
    bytes: () => files?.watch() ?? null,
    releases: shelf,
    sources,
    models,
    rescan,
    peerFit: (scope = null) =>
      peers.states(clock.monotonicMs(), drive.state().linked).some((peer) => isFitFor(peer, scope ?? [])),
    work,
    drills,
    restartDriver,
    clock,
    log,
  };
};
