import type { Command, CommandResult, Policy, Report } from "@locum/contracts";
import { nextAct } from "./acting.ts";
import { monotonicMs } from "./clock.ts";
import { transmit } from "./network.ts";
import { reportOf } from "./probing.ts";
import { arrive } from "./process.ts";
import { input, type Replica } from "./replica.ts";
import { give, type Sidecar } from "./sidecar.ts";
import type { World } from "./world.ts";

export type Ack = {
  sentMs: number;
  term: number;
  epoch: number;
  leaseMs: number | null;
  mayEject: boolean;
  seq: number;
};

/** One WebSocket between a sidecar and the collector that it found. Either end may know of its end before the other. */
export type Stream = {
  sidecar: Sidecar;
  incarnation: string;
  replica: Replica;
  /** A frame was lost: the rest of the stream cannot arrive any more. */
  brokenUp: boolean;
  brokenDown: boolean;
  openAtSidecar: boolean;
  openAtReplica: boolean;
  heardAtReplicaMs: number;
  /** In real time, for the checkers. */
  openedAtMs: number;
  endedAtSidecar(world: World): void;
};

/** A peer that says nothing for this many heartbeats is gone; the ping of a WebSocket finds out in the same time. */
const deafBeats = 10;

export function up(world: World, stream: Stream, act: () => void): void {
  const { sidecar, replica } = stream;
  const link = sidecar.links[replica.index]?.up;
  if (stream.brokenUp || !link) return;
  stream.brokenUp = !transmit(world, link, replica.process, () => {
    if (!stream.openAtReplica) return;
    stream.heardAtReplicaMs = monotonicMs(replica.process.clock, world.nowMs);
    act();
  });
}

export function down(world: World, stream: Stream, act: () => void): void {
  const { sidecar, replica } = stream;
  const link = sidecar.links[replica.index]?.down;
  if (stream.brokenDown || !link) return;
  stream.brokenDown = !transmit(world, link, sidecar.process, () => {
    // What overtook the welcome opens the stream as well as the welcome does.
    if (stream.openAtSidecar && stream.incarnation === sidecar.incarnation) opens(world, stream);
    if (sidecar.stream === stream) act();
  });
}

/** Connects where there is no stream, and gives up one on which nothing is heard. */
export function watchStream(world: World, sidecar: Sidecar): void {
  const nowMs = monotonicMs(sidecar.process.clock, world.nowMs);
  const deafMs = deafBeats * world.scenario.plan.heartbeatMs;
  if (sidecar.stream) {
    if (nowMs - sidecar.heardMs <= deafMs) return;
    sidecar.stream.endedAtSidecar(world);
  } else if (nowMs - sidecar.connectingSinceMs < world.scenario.plan.heartbeatMs) return;
  sidecar.connectingSinceMs = nowMs;
  connect(world, sidecar);
}

function connect(world: World, sidecar: Sidecar): void {
  const replica = world.replicas[sidecar.nextReplica];
  sidecar.nextReplica = (sidecar.nextReplica + 1) % world.replicas.length;
  const links = replica && sidecar.links[replica.index];
  if (!replica || !links) return;
  const { life } = sidecar.process;
  const stream: Stream = {
    sidecar,
    incarnation: sidecar.incarnation,
    replica,
    brokenUp: false,
    brokenDown: false,
    openAtSidecar: true,
    openAtReplica: false,
    heardAtReplicaMs: 0,
    openedAtMs: Number.POSITIVE_INFINITY,
    endedAtSidecar: (now) => endAtSidecar(now, stream),
  };
  transmit(world, links.up, replica.process, () => {
    if (!replica.state || stream.openAtReplica || !stream.openAtSidecar || sidecar.process.life !== life)
      return;
    accept(world, stream);
    // The welcome; what the collector says before it waits in the same order behind it.
    transmit(world, links.down, sidecar.process, () => {
      if (sidecar.process.life === life && stream.openAtSidecar) opens(world, stream);
    });
  });
}

function opens(world: World, stream: Stream): void {
  const { sidecar } = stream;
  if (sidecar.stream) return;
  sidecar.stream = stream;
  stream.openedAtMs = world.nowMs;
  sidecar.heardMs = monotonicMs(sidecar.process.clock, world.nowMs);
  reportNow(world, sidecar);
}

/** The same boot again replaces its old stream; another boot of the same identity is a second one. */
function accept(world: World, stream: Stream): void {
  const { replica, incarnation, sidecar } = stream;
  replica.streams = replica.streams.filter((other) => {
    if (other.incarnation === incarnation) {
      down(world, other, () => other.endedAtSidecar(world));
      other.openAtReplica = false;
    }
    return other.openAtReplica;
  });
  stream.openAtReplica = true;
  stream.heardAtReplicaMs = monotonicMs(replica.process.clock, world.nowMs);
  replica.streams.push(stream);
  input(world, replica, { kind: "connected", instance: sidecar.instance.id, incarnation });
  const policy = replica.policy;
  if (policy) down(world, stream, () => takePolicy(sidecar, policy));
}

function endAtSidecar(world: World, stream: Stream): void {
  const { sidecar, replica } = stream;
  stream.openAtSidecar = false;
  if (sidecar.stream === stream) sidecar.stream = null;
  const link = sidecar.links[replica.index]?.up;
  // The reset of a dead process arrives, unless the network is at fault: then the collector finds out by silence.
  if (link) transmit(world, link, replica.process, () => endAtReplica(world, stream));
}

export function endAtReplica(world: World, stream: Stream): void {
  if (!stream.openAtReplica) return;
  stream.openAtReplica = false;
  const { replica, sidecar, incarnation } = stream;
  replica.streams = replica.streams.filter((other) => other !== stream);
  input(world, replica, { kind: "disconnected", instance: sidecar.instance.id, incarnation });
}

/** The collector's pings: a stream on which nothing arrives is ended, a beat that was late itself judges nobody. */
export function watchStreams(world: World, replica: Replica, stalledMs: number): void {
  const nowMs = monotonicMs(replica.process.clock, world.nowMs);
  for (const stream of replica.streams) {
    if (stalledMs > 0) stream.heardAtReplicaMs = nowMs;
    else if (nowMs - stream.heardAtReplicaMs > deafBeats * world.scenario.plan.heartbeatMs)
      endAtReplica(world, stream);
  }
}

export function reportNow(world: World, sidecar: Sidecar): void {
  const { stream, process } = sidecar;
  const report = reportOf(world, sidecar);
  sidecar.report = report;
  const sentMs = monotonicMs(process.clock, world.nowMs);
  sidecar.reportedMs = sentMs;
  if (!stream) return;
  sidecar.seq += 1;
  sidecar.sentAtMs = world.nowMs;
  const { seq } = sidecar;
  up(world, stream, () => hear(world, stream, seq, sentMs, report));
}

function hear(world: World, stream: Stream, seq: number, sentMs: number, report: Report): void {
  const { replica, incarnation, sidecar } = stream;
  input(world, replica, { kind: "report", instance: sidecar.instance.id, incarnation, seq, sentMs, report });
}

export function answerResult(world: World, sidecar: Sidecar, result: CommandResult): void {
  const { stream } = sidecar;
  if (!stream) return;
  up(world, stream, () => {
    input(world, stream.replica, { kind: "result", instance: sidecar.instance.id, result });
  });
}

export const sendCommand = (world: World, stream: Stream, command: Command): void =>
  down(world, stream, () => {
    give(world, stream.sidecar, { kind: "command", command });
    nextAct(world, stream.sidecar);
  });

export const sendAck = (world: World, stream: Stream, ack: Ack): void =>
  down(world, stream, () => {
    const { sidecar } = stream;
    sidecar.heardMs = monotonicMs(sidecar.process.clock, world.nowMs);
    const asked = sidecar.report?.verdict;
    // A permit that was given to a healthy instance is no answer to one that now asks to leave.
    if (ack.mayEject && ack.seq === sidecar.seq && asked?.kind === "failed" && !asked.hard)
      divert(world, sidecar, true);
    give(world, sidecar, { kind: "ack", ...ack });
  });

export const takePolicy = (sidecar: Sidecar, policy: Policy): void => {
  if (policy.number > (sidecar.policy?.number ?? -1)) sidecar.policy = policy;
};

/** Reversible, local, fast: new requests go elsewhere, or come back. */
export function divert(world: World, sidecar: Sidecar, diverted: boolean): void {
  if (sidecar.diverted === diverted) return;
  sidecar.diverted = diverted;
  world.say?.(sidecar.incarnation, diverted ? "diverts" : "takes requests again");
  if (diverted) world.stats.diverts += 1;
  arrive(world, sidecar.process, () => reportNow(world, sidecar));
}
