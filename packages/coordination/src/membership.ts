import { isShadow } from "./candidates.ts";
import type { Input, Member } from "./decision.ts";
import { noteChanges } from "./note-changes.ts";
import { judgedLeaseMs } from "./service-start.ts";
import { audit, membersOf, setMember, setState, type Turn } from "./turn.ts";

/**
 * Heartbeats that may be missed before an instance counts as silent. Seven of half a second outlast a pause of 2.5 s (a
 * collection of garbage, a frozen machine) with the beat that was due before it, and are longer than a judged lease.
 */
const missedBeatsMax = 7;
/** Live boots of one identity that are told apart. */
const rivalsMax = 8;
/** Silence of this many instances at once, and of this part of the fleet, is a fault of the observer. */
const massSilenceMin = 3;
const massSilenceShare = 0.3;

export function connect(
  turn: Turn,
  { instance, incarnation, atMs }: Extract<Input, { kind: "connected" }>,
): void {
  const member = turn.state.members[instance];
  if (!member) return;
  // Two live incarnations of one identity: a command might reach the wrong one, so neither gets any.
  const live = member.connected && member.incarnation !== null ? [member.incarnation] : [];
  const rivals = [...member.rivals, ...live].filter((other) => other !== incarnation).slice(-rivalsMax);
  const contested = rivals.length > 0;
  // What another boot said, or this one before it fell silent, says nothing of what is there now.
  const known = !contested && !member.silent && member.incarnation === incarnation;
  setMember(turn, instance, {
    incarnation,
    connected: true,
    contested,
    rivals,
    answeredAtMs: null,
    heardAtMs: atMs,
    silent: false,
    report: known ? member.report : null,
    seq: 0,
  });
  forgetAwaited(turn, instance);
  audit(
    turn,
    "sidecar.connect",
    instance,
    contested ? "a second live incarnation of this identity" : "connected",
    { incarnation, contested },
  );
}

export function disconnect(
  turn: Turn,
  { instance, incarnation }: Extract<Input, { kind: "disconnected" }>,
): void {
  const member = turn.state.members[instance];
  if (!member) return;
  // The one that stays is known by its next report.
  if (member.contested) {
    const left = [...member.rivals, member.incarnation].filter((one) => one !== null && one !== incarnation);
    const rivals = left.slice(0, -1).flatMap((one) => one ?? []);
    return setMember(turn, instance, {
      contested: rivals.length > 0,
      rivals,
      incarnation: left.at(-1) ?? null,
      heardAtMs: turn.atMs,
      seq: 0,
      report: null,
    });
  }
  if (member.incarnation !== incarnation) return;
  setMember(turn, instance, { connected: false });
  forgetAwaited(turn, instance);
  audit(turn, "sidecar.disconnect", instance, "the stream ended", { incarnation });
}

/** Answers of an earlier connection will not come: what is still wanted is sent anew, under the same id. */
function forgetAwaited(turn: Turn, instance: string): void {
  setState(turn, {
    awaited: Object.fromEntries(
      Object.entries(turn.state.awaited).filter(([, awaited]) => awaited.instance !== instance),
    ),
  });
}

export function hear(
  turn: Turn,
  { instance, incarnation, seq, report, atMs }: Extract<Input, { kind: "report" }>,
): void {
  const before = turn.state.members[instance];
  if (!before || before.contested || before.incarnation !== incarnation) return;
  if (seq < before.seq) return;
  const healthy = report.verdict.kind === "healthy";
  setMember(turn, instance, {
    report,
    seq,
    heardAtMs: atMs,
    silent: false,
    connected: true,
    healthySinceMs: healthy ? (before.healthySinceMs ?? atMs) : null,
  });
  noteChanges(turn, before, turn.state.members[instance] ?? before);
  const { durable } = turn.state;
  if (report.term > durable.term || report.epoch > durable.epoch) {
    // The store was put back to an older state: commands from it would be refused by every sink, or worse, believed.
    audit(
      turn,
      "collector.stop",
      instance,
      "a sidecar has seen a newer term or epoch than the store: observing only",
      { term: report.term, epoch: report.epoch },
    );
    setState(turn, { observeOnly: true });
  }
}

/** The answer to a report. A lease runs from the receipt here and from the send time there. */
export function acknowledge(
  turn: Turn,
  { instance, incarnation, seq, sentMs, report, atMs }: Extract<Input, { kind: "report" }>,
): void {
  const member = turn.state.members[instance];
  if (!member || member.contested || member.incarnation !== incarnation) return;
  const { durable, plan, observeOnly, storing, stored } = turn.state;
  const leaving = durable.promotion?.from === instance;
  const leased =
    plan.class === "exclusive" &&
    atMs < turn.state.leadUntilMs &&
    !observeOnly &&
    !storing &&
    !leaving &&
    durable.roles[instance] === "active" &&
    report.role === "active" &&
    report.epoch === durable.epoch;
  if (leased)
    setMember(turn, instance, { leaseUntilMs: atMs + judgedLeaseMs(plan.leaseMs), leasedTo: incarnation });
  turn.effects.push({
    kind: "ack",
    instance,
    seq,
    sentMs,
    term: stored.term,
    epoch: stored.epoch,
    leaseMs: leased ? plan.leaseMs : null,
    mayEject: !observeOnly && mayEject(turn, member),
  });
}

/** Capacity stays if this instance leaves: the others are fit, and carry the whole load where their capacity is known. */
export function mayEject(turn: Turn, leaving: Member): boolean {
  if (turn.state.massSilence) return false;
  let load = 0;
  let capacity = 0;
  let staying = 0;
  let unmeasured = false;
  for (const { id, report, connected, silent } of membersOf(turn)) {
    if (!report || !connected || silent) continue;
    load += report.requestsPerSecond;
    if (isShadow(turn, id)) continue;
    if (id === leaving.id || !report.fit || report.diverted) continue;
    staying += 1;
    capacity += report.capacityPerSecond;
    unmeasured ||= report.capacityPerSecond === 0;
  }
  return staying > 0 && (unmeasured || capacity >= load);
}

/** Silence is counted on this observer's clock, after its own stalls are credited to everybody. */
export function watchSilence(
  turn: Turn,
  { stalledMs, fleetSilent, fleetSize, leadUntilMs, atMs }: Extract<Input, { kind: "tick" }>,
): void {
  setState(turn, { leadUntilMs });
  const { plan } = turn.state;
  const allowedMs = missedBeatsMax * plan.heartbeatMs;
  for (const member of membersOf(turn)) {
    if (member.heardAtMs === null) continue;
    // Frames that arrived during the stall are still queued behind this tick: nobody was silent because we slept.
    const heardAtMs = stalledMs > 0 ? Math.min(atMs, member.heardAtMs + stalledMs) : member.heardAtMs;
    const silent = atMs - heardAtMs > allowedMs;
    if (silent !== member.silent || heardAtMs !== member.heardAtMs)
      setMember(turn, member.id, { silent, heardAtMs });
  }
  const known = membersOf(turn).filter(({ id, heardAtMs }) => heardAtMs !== null && !isShadow(turn, id));
  const silent = known.filter((member) => member.silent).length;
  const mass =
    (silent >= massSilenceMin && silent > massSilenceShare * known.length) ||
    (fleetSilent >= massSilenceMin && fleetSilent > massSilenceShare * fleetSize);
  if (mass !== turn.state.massSilence) {
    setState(turn, { massSilence: mass });
    audit(
      turn,
      "mass-silence",
      null,
      mass
        ? "many instances are silent at once: the network or this collector is at fault, nobody is promoted"
        : "the silence ended",
      { silent, known: known.length, fleetSilent },
    );
  }
  expireAwaited(turn);
}

function expireAwaited(turn: Turn): void {
  const open = Object.entries(turn.state.awaited).filter(([, { untilMs }]) => turn.atMs < untilMs);
  if (open.length < Object.keys(turn.state.awaited).length)
    setState(turn, { awaited: Object.fromEntries(open) });
}
