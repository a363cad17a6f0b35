import type { Probe, Report } from "@locum/contracts";
import { type HolderEffect, startHolder } from "@locum/coordination";
import { type Clock, createLoopLag, type Log } from "@locum/runtime";
import type { Identity } from "./adapters/identity.ts";
import { isThere, readProcessId } from "./adapters/process-id.ts";
import type { BytesOptions, BytesWatch } from "./bytes-watch.ts";
import type { SidecarConfig } from "./config.ts";
import { createDrive, type Drive, type DriveState } from "./drive.ts";
import { type FilesWatch, keepBytesWatch } from "./files-watch.ts";
import { gateDeps } from "./gate.ts";
import type { InferenceRecords, ServedNow } from "./inference-records.ts";
import type { InputObserver } from "./input-observer.ts";
import { createLadder, type Ladder } from "./ladder/ladder.ts";
import { createListedModels } from "./listed-models.ts";
import type { Metering } from "./metering.ts";
import { createModelWork, type ModelWork } from "./model-work.ts";
import { isFitFor, type PeerBook } from "./peers.ts";
import type { ReleaseShelf } from "./release-shelf.ts";
import { modelsOf, releasesProbe } from "./releases-probe.ts";
import { reportOf } from "./report.ts";
import type { TreeSources } from "./sources/tree-sources.ts";
import { createTap, type Tap } from "./tap/tap.ts";
import { createTraffic, type StreamPace, type Traffic } from "./traffic.ts";
import type { Upstream } from "./upstream.ts";

/** Bound when what they lead to exists: the drive is made first, and everything else looks at it. */
export type Outside = {
  onTurn: (before: DriveState, after: DriveState) => void;
  onHolder: (effect: HolderEffect) => void;
  /** Where it listens; null until it does, and for the tap in watch posture. */
  tap: string | null;
  control: string | null;
  /** Where peers read the live files. */
  files: string | null;
};

export type InstanceOptions = {
  config: SidecarConfig;
  identity: Identity;
  incarnation: string;
  upstream: Upstream;
  shelf: ReleaseShelf;
  sources: Pick<TreeSources, "restorable"> | null;
  peers: PeerBook;
  inputs: InputObserver;
  /** Null where no inference is recorded. */
  inferences: InferenceRecords | null;
  metering: Metering;
  outside: Outside;
  clock: Clock;
  log: Log;
};

/** What is known of one instance, and the tap that acts on it at once. */
export type Instance = {
  drive: Drive;
  tap: Tap | null;
  models: () => readonly string[];
  work: ModelWork;
  report(): Report;
  /** What an answer of now comes from. */
  served(): ServedNow;
  pace(): StreamPace;
  /** Of the own server's answers; 0 while there are none. */
  p99Ms(): number;
  /** Null until the files have been read for the first time. */
  bytes(): BytesWatch | null;
  /** Begins to ask; nothing is asked before. */
  start(): { ladder: Ladder; files: FilesWatch | null };
  /** The set of approved releases changed: goldens and files are judged anew. */
  releasesChanged(): void;
  /** Reads the folders of releases again, and resolves when what is new in them counts. */
  rescan(): Promise<void>;
  close(): Promise<void>;
};

/** Acks come every heartbeat; a permit that was not renewed for so many of them is none. */
const permitBeats = 6;
/** As many as a report names. */
const restorableMax = 16;

export function createInstance(options: InstanceOptions): Instance {
  const { config, upstream, shelf, metering, clock } = options;
  const lag = createLoopLag({ clock });
  let ladder: Ladder | null = null;
  let files: FilesWatch | null = null;

  const drive = openDrive(options, { stalledMs: lag.stalledMs, ladder: () => ladder });
  const tell = (probe: Probe): void =>
    drive.put({ kind: "finding", finding: { probe, startedMs: probe.atMs, timeout: false } });
  const traffic = createTraffic({
    ownId: config.instance.id,
    maxConcurrency: config.instance.maxConcurrency,
    inflight: () => tap?.inflight() ?? 0,
    clock,
  });
  const work = createModelWork({
    ownId: config.instance.id,
    judged: () => Object.keys(drive.state().health.models),
  });
  const tap = openTap(options, { drive, traffic, work, suspectProcess: () => ladder?.suspectProcess() });
  const models = () => modelsOf(config.service.models, shelf);
  const tellReleases = (): void => tell(releasesProbe(shelf, models(), clock.monotonicMs()));
  const releasesChanged = (): void => {
    tellReleases();
    files?.watch()?.judgeAgain();
  };
  const rescan = async (): Promise<void> => {
    if (await shelf.rescan()) releasesChanged();
  };

  return {
    drive,
    tap,
    models,
    work,
    releasesChanged,
    rescan,
    pace: traffic.pace,
    p99Ms: traffic.p99Ms,
    bytes: () => files?.watch() ?? null,
    served: () => servedBy(drive),
    report: () =>
      reportOf(drive.state(), drive.fitness(), {
        ...around(options, { tap, traffic }),
        ...filesSeen(files, options.sources),
      }),
    start() {
      const started = createLadder({
        config,
        upstream,
        traffic,
        work,
        clock,
        models,
        releases: shelf.approved,
        rescan,
        state: drive.state,
        tap: () => tap?.progress() ?? null,
        tellStalled: (limit) => tap?.tellStalled(limit),
        isProcessGone: () => isGone(config.instance.pidFile),
        tell(finding) {
          const { probe } = finding;
          if (probe.kind === "golden") metering.golden(probe.outcome, probe.latencyMs);
          drive.put({ kind: "finding", finding });
        },
      });
      ladder = started;
      files = openFiles(options, { tell, rescan, onRestorable: () => drive.put({ kind: "look" }) });
      if (shelf.approved().length > 0) tellReleases();
      return { ladder: started, files };
    },
    async close() {
      lag.close();
      ladder?.stop();
      await files?.close();
    },
  };
}

function openDrive(
  options: InstanceOptions,
  { stalledMs, ladder }: { stalledMs: () => number; ladder: () => Ladder | null },
): Drive {
  const { config, peers, metering, outside, clock } = options;
  const { probe, golden, failover, posture, class: pool } = config.service;
  const drive = createDrive(startHolder(heldOf(options)), {
    clock,
    // A collector that is named is waited for at the start as after any silence.
    heardAtMs: config.collector === null ? Number.NEGATIVE_INFINITY : clock.monotonicMs(),
    stalledMs() {
      const ms = stalledMs();
      if (ms > 0) metering.stalled(ms);
      return ms;
    },
    judgePolicy: { ...probe, fitnessMaxAgeMs: golden.fitnessMaxAgeMs },
    permitMaxAgeMs: permitBeats * failover.heartbeatMs,
    dryRun: failover.mode === "dry-run",
    drainsWhole: posture === "watch" && pool === "stateless",
    peerFit: () => peers.states(clock.monotonicMs(), drive.state().linked).some((peer) => isFitFor(peer, [])),
    onAsk: (ask) => ladder()?.ask(ask),
    onDropped: ({ probe: dropped }) => askAgain(ladder(), dropped),
    onHolder: (effect) => outside.onHolder(effect),
    onTurn: (before, after) => outside.onTurn(before, after),
    onDefect: (error) => options.log("error", "a turn of the drive failed", { error }),
  });
  return drive;
}

const heldOf = ({ config, identity, incarnation, clock }: InstanceOptions) => ({
  class: config.service.class,
  incarnation,
  term: identity.held?.term ?? 0,
  epoch: identity.held?.epoch ?? 0,
  role: config.instance.shadow ? ("standby" as const) : (identity.held?.role ?? config.instance.role),
  atMs: clock.monotonicMs(),
  wallMs: clock.wallMs(),
});

function openTap(
  { config, upstream, peers, inputs, inferences, metering, clock }: InstanceOptions,
  {
    drive,
    traffic,
    work,
    suspectProcess,
  }: { drive: Drive; traffic: Traffic; work: ModelWork; suspectProcess: () => void },
): Tap | null {
  if (config.service.posture === "watch") return null;
  const observers = [traffic.observe, work.observe, metering.observe];
  const { isStateful, inspect } = inputs;
  return createTap(
    gateDeps({
      config,
      drive,
      upstream,
      peers,
      isStateful,
      inspectRequest: inspect,
      trace: inferences?.trace,
      isListed: createListedModels({ server: upstream.server, clock }).has,
      observers,
      suspectProcess,
      clock,
    }),
  );
}

function openFiles(
  { config, shelf, clock, log }: InstanceOptions,
  ports: Pick<BytesOptions, "tell" | "rescan" | "onRestorable">,
): FilesWatch | null {
  const { modelDir } = config.instance;
  if (modelDir === undefined) return null;
  const { statMs, scrubBytesPerSecond, twin, spareDir, schedule } = config.service.snapshot;
  return keepBytesWatch({
    dir: modelDir,
    statMs,
    scrubBytesPerSecond,
    keepsTwin: twin && config.keepsVolume,
    spare:
      spareDir !== undefined && config.keepsVolume
        ? { dir: spareDir, owner: config.instance.id, schedule }
        : null,
    releases: shelf.approved,
    clock,
    log,
    ...ports,
  });
}

function servedBy(drive: Drive): ServedNow {
  const { release, models } = drive.fitness();
  return {
    policy: drive.state().policy,
    releaseOf: (model) => (model === undefined ? release : (models[model]?.release ?? release)),
  };
}

const around = (
  { config, outside }: InstanceOptions,
  { tap, traffic }: { tap: Tap | null; traffic: Traffic },
) => ({
  canRestart: config.instance.restart !== undefined,
  shadow: config.instance.shadow,
  inflight: tap?.inflight() ?? 0,
  requestsPerSecond: traffic.perSecond(),
  capacityPerSecond: traffic.capacityPerSecond(),
  p99Ms: traffic.p99Ms(),
  tap: outside.tap,
  control: outside.control,
});

const filesSeen = (files: FilesWatch | null, sources: InstanceOptions["sources"]) => ({
  restorable: [...new Set([...(files?.watch()?.restorable() ?? []), ...(sources?.restorable() ?? [])])].slice(
    0,
    restorableMax,
  ),
  quietMs: files?.watch()?.quietMs() ?? 0,
});

/** A question whose silence was our own is asked again, where nobody asks it by itself soon. */
function askAgain(ladder: Ladder | null, probe: Probe): void {
  if (probe.kind === "golden") ladder?.ask({ kind: "golden", id: probe.golden });
  else if (probe.kind === "live") ladder?.ask({ kind: "live" });
}

async function isGone(pidFile: string | undefined): Promise<boolean> {
  const found = await readProcessId(pidFile);
  return found !== null && !(await isThere(found.pid));
}
