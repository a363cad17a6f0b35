import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Server as NetServer } from "node:net";
import type { Tally } from "@locum/audit";
import type { InferenceSink } from "@locum/audit/inference";
import type { Report, SidecarFrame } from "@locum/contracts";
import type { Clock, Log, MetricFamily, Random } from "@locum/runtime";
import { createAgentCheck } from "./adapters/agent-check.ts";
import { type CollectorLink, openCollectorLink } from "./adapters/collector-link.ts";
import { createControlApi } from "./adapters/control-api.ts";
import type { Identity } from "./adapters/identity.ts";
import type { OwnWitness } from "./adapters/own-witness.ts";
import { pollPeers } from "./adapters/poll-peers.ts";
import type { SpoolPort } from "./adapters/spool-pump.ts";
import type { SidecarConfig } from "./config.ts";
import { createDrills } from "./drill/drills.ts";
import { fillModel } from "./fill-model.ts";
import { createHolderEffects } from "./holder-effects.ts";
import type { InputCheck } from "./input-observer.ts";
import { createInstance, type Outside } from "./instance.ts";
import { linkOptions } from "./link-options.ts";
import { createMoving } from "./moving.ts";
import { createParts } from "./parts.ts";
import { receiveFrames } from "./receive-frames.ts";
import type { ReleaseFiles } from "./release-shelf.ts";
import { createReporting } from "./reporting.ts";
import { createRoutine } from "./routine.ts";
import { keepSnapshots } from "./snapshots/keep-snapshots.ts";
import { giveFiles } from "./sources/give-files.ts";
import type { PeerTls } from "./sources/serve-files.ts";
import { changesBetween } from "./story.ts";
import type { Tap } from "./tap/tap.ts";
import { tellHaproxy } from "./tell-haproxy.ts";
import { agentNow, controlNow } from "./views.ts";

export type AppDeps = {
  config: SidecarConfig;
  identity: Identity;
  /** For the model server: authentication, and the authority of its certificate. */
  headers: Record<string, string> | undefined;
  ca: string | undefined;
  /** For peers that read each other's files. */
  peerTls: PeerTls | undefined;
  /** Read at each connection, as the token is: both are renewed while the sidecar runs, or come after it. */
  collectorCa: () => Promise<string | undefined>;
  token: () => Promise<string>;
  releaseFiles: ReleaseFiles;
  spool: SpoolPort;
  /** Numbers of the events that found no room. */
  tally: Tally;
  /** Where records of inferences go; null where none are written. */
  inferenceSink: InferenceSink | null;
  /** Null where it witnesses no audit log. */
  witness: OwnWitness | null;
  checkInput: InputCheck | null;
  /** Of this process: what a restart driver starts inherits it, without what is ours. */
  env: NodeJS.ProcessEnv;
  clock: Clock;
  random: Random;
  log: Log;
};

export type App = {
  /** Null in watch posture. Not yet listening, as the other two. */
  tap: Tap | null;
  control: HttpServer;
  agent: NetServer;
  /** Null where no peer reads the live files. */
  files: HttpsServer | null;
  /** Before anything listens: a model folder that lacks files is filled, where that is asked for. */
  fill(): Promise<void>;
  /** Everything listens there: begins to ask, to judge and to report. */
  start(listening: { tap: string | null; control: string; files?: string | null }): Promise<void>;
  report(): Report;
  metrics(): MetricFamily[];
  close(): Promise<void>;
};

/** Wires one sidecar. Nothing listens and nothing is asked before `start`. */
export function createApp(deps: AppDeps): App {
  const { config, identity, clock, random, log } = deps;
  const outside: Outside = { onTurn() {}, onHolder() {}, tap: null, control: null, files: null };
  let link: CollectorLink | null = null;
  const send = (frame: SidecarFrame): boolean => link?.send(frame) ?? false;
  const parts = createParts(deps, { send, instance: () => instance });
  const { upstream, shelf, peers, pump, record, metering } = parts;
  const incarnation = random.id();
  const instance = createInstance({ ...deps, ...parts, incarnation, outside });
  const { drive, tap } = instance;
  const reporting = createReporting({
    report: instance.report,
    send,
    clock,
    onNews(before, after) {
      // With a collector there it writes these itself, from the reports.
      if (link?.isOpen()) return;
      for (const fact of changesBetween(before, after)) void record(fact);
    },
  });
  const drills = createDrills({ ...config, drillable: config.instance.drillable, random, log });
  const frames = receiveFrames({
    ...parts,
    drive,
    clock,
    log,
    kept: identity.policy,
    keep: identity.savePolicy,
    onReleases: instance.releasesChanged,
    onPeers: () => polling.now(),
  });
  const snapshots = keepSnapshots({ ...deps, ...parts, bytes: instance.bytes });
  const routine = createRoutine({ ...deps, ...parts, instance, drills, snapshots });

  const moving = createMoving({ tap, peers, clock });
  outside.onTurn = (_before, after) => {
    moving(after);
    for (const part of [haproxy, reporting]) part.look();
  };
  outside.onHolder = createHolderEffects({
    holder: () => drive.state().holder,
    save: identity.saveHeld,
    perform: routine.perform,
    acted: (command, result) => drive.put({ kind: "acted", command, result }),
    answer: (result) => void link?.send({ kind: "result", result }),
    selfFenced(reason) {
      tap?.fence();
      void record({ kind: "fence.result", reason: `fenced itself: ${reason}`, facts: { reason } });
    },
    log,
  });
  const polling = pollPeers({ book: peers, clock, onHeard: () => drive.put({ kind: "look" }) });
  const known = { ...parts, config, instance, snapshots, files: () => outside.files, clock };
  const metrics = () => metering.families(instance.report(), { ...known, pace: instance.pace() });
  const haproxy = tellHaproxy(known, log);

  return {
    tap,
    control: createControlApi(controlNow({ ...known, incarnation, metrics })),
    agent: createAgentCheck(() => agentNow(known)),
    files: giveFiles({ ...deps, ...parts, instance }),
    report: instance.report,
    metrics,
    fill: () => fillModel({ ...deps, ...parts, askPeers: polling.now }),
    async start(listening) {
      Object.assign(outside, listening);
      const freshModel = (await parts.restartDriver?.start()) ?? false;
      frames.resume();
      await drills.recover();
      await shelf.rescan();
      routine.start(reporting, freshModel);
      const options = linkOptions(deps, { incarnation, shelf, frames, drive, reporting, pump });
      link = options && openCollectorLink(options);
    },
    async close() {
      for (const part of [haproxy, polling]) part.stop();
      link?.close();
      for (const part of [drills, routine]) await part.stop();
      await snapshots?.close();
      for (const part of [instance, parts.restartDriver, upstream, parts.inferences, pump])
        await part?.close();
    },
  };
}
