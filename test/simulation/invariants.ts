import type { AuditEvent, Command, Verdict } from "@locum/contracts";
import type { Durable, Effect, Input, ServiceState } from "@locum/coordination";
import { monotonicMs, wallMs } from "./clock.ts";
import { isRight, namesOf, partIsRight, releaseOf } from "./model.ts";
import { isRunning, type Process } from "./process.ts";
import type { Replica } from "./replica.ts";
import type { Sidecar } from "./sidecar.ts";
import type { World } from "./world.ts";

/** I1 to I4 are safety, and hold at every instant; I5 is liveness, and holds some time after the faults have ended. */
export type Violation = { invariant: "I1" | "I2" | "I3" | "I4" | "I5"; atMs: number; detail: string };

/** What the checkers remember of the whole run. It knows the truth; the core under test never reads it. */
export type Ledger = {
  violations: Violation[];
  /** Ids of promotions and operations whose intent is on disk. */
  intents: Set<string>;
  /** epoch -> the instance that it was committed to. */
  committed: Map<number, string>;
  /** promotion -> whether its candidate was right when it proved itself. */
  proofs: Map<string, boolean>;
  everFrozen: Set<string>;
  /** Operations that a person asked for: their consequences are theirs. */
  ordered: Set<string>;
};

/** Beats after which an instance is silent for everybody, whatever the core's own limit is. */
const silentBeats = 8;

export const newLedger = (): Ledger => ({
  violations: [],
  intents: new Set(),
  committed: new Map(),
  proofs: new Map(),
  everFrozen: new Set(),
  ordered: new Set(),
});

export function violate(world: World, invariant: Violation["invariant"], detail: string): void {
  world.say?.("INVARIANT", `${invariant}: ${detail}`);
  world.ledger.violations.push({ invariant, atMs: world.nowMs, detail });
}

/** I1: at most one unfenced active of an exclusive service at any real instant, whatever it believes of its lease. */
export function checkExclusive(world: World): void {
  if (world.scenario.plan.class !== "exclusive") return;
  let first: string | null = null;
  for (const { sidecars } of world.instances)
    for (const { process, holder, incarnation } of sidecars) {
      if (holder.role !== "active" || !isRunning(world, process)) continue;
      const { clock } = process;
      if (!world.core.mayServe(holder, monotonicMs(clock, world.nowMs), wallMs(clock, world.nowMs))) continue;
      if (first !== null) return violate(world, "I1", `${first} and ${incarnation} may both serve`);
      first = incarnation;
    }
}

/** I2: a sink's term and epoch only grow, in memory and on its disk. */
export function sinkKeeps(
  world: World,
  { disk, incarnation }: Sidecar,
  kept: { term: number; epoch: number },
): void {
  if (kept.term < disk.term || kept.epoch < disk.epoch)
    violate(
      world,
      "I2",
      `${incarnation} keeps term ${kept.term} epoch ${kept.epoch} after ${disk.term} ${disk.epoch}`,
    );
}

/** I2, I3 and I4 of what is now the truth. */
export function stored(world: World, durable: Durable): void {
  const { ledger } = world;
  const { promotion } = durable;
  if (promotion?.phase !== "verify") return;
  const { epoch, to, id, forced } = promotion;
  const other = ledger.committed.get(epoch);
  if (other === to) return;
  if (other !== undefined) violate(world, "I2", `epoch ${epoch} is committed to ${other} and to ${to}`);
  ledger.committed.set(epoch, to);
  world.stats.promotions += 1;
  if (!ledger.intents.has(id)) violate(world, "I4", `${id} is committed, its intent is not recorded`);
  if (!forced && ledger.proofs.get(id) !== true)
    violate(
      world,
      "I3",
      `${id} is committed to ${to}, which was ${ledger.proofs.has(id) ? "wrong when it was asked" : "never asked"}`,
    );
}

const intentKinds: Partial<Record<AuditEvent["kind"], "promotion" | "operation">> = {
  "promote.intent": "promotion",
  "restore.intent": "operation",
  "reload.intent": "operation",
  "restart.intent": "operation",
};

export function recorded(world: World, { kind, facts, instance, reason }: Omit<AuditEvent, "at">): void {
  world.say?.("audit", `${kind} ${instance ?? ""} ${reason}`);
  const fact = intentKinds[kind];
  if (fact) world.ledger.intents.add(String(facts[fact]));
}

/** I4: nothing is done to a model before the intent to do it is on disk. */
export function actBegins(world: World, sidecar: Sidecar, { id, act }: Pick<Command, "id" | "act">): void {
  const { incarnation } = sidecar;
  if (!world.ledger.intents.has(id))
    violate(world, "I4", `${incarnation} begins ${act.kind} ${id}, its intent is not recorded`);
  neighboursStay(world, sidecar, { id, act });
}

export function candidateProves(world: World, { instance }: Sidecar, { id }: Command): void {
  const promotion = id.slice(0, id.lastIndexOf("/"));
  const right = isRight(world, instance.model) && releaseOf(world, instance.volume.tree) !== undefined;
  world.ledger.proofs.set(promotion, right);
}

/** I3: what is approved is not restored away, unless a person said so or it is wrong everywhere. */
export function restoreSwaps(world: World, { instance }: Sidecar, { id, act }: Command): void {
  if (act.kind !== "restore") return;
  if (instance.volume.tree !== act.judged)
    violate(world, "I3", `${id} overwrites another tree than the judged one`);
  const owner = releaseOf(world, instance.volume.tree);
  const { everFrozen, ordered } = world.ledger;
  if (owner && !everFrozen.has(owner.digest) && !ordered.has(id))
    violate(world, "I3", `${id} restores an approved release away from ${instance.id}`);
}

/** I3: an instance that is right and was not touched for a while is not isolated, least of all for a deploy. */
export function verdictChanges(world: World, sidecar: Sidecar, verdict: Verdict): void {
  const { instance, incarnation } = sidecar;
  const quietMs = world.nowMs - instance.model.troubledAtMs;
  if (quietMs < 40 * world.scenario.beatMs || !isRight(world, instance.model)) return;
  const failure = "failure" in verdict ? verdict.failure : "";
  violate(
    world,
    "I3",
    `${incarnation} is right, untouched for ${Math.round(quietMs)} ms, and judged ${failure}`,
  );
}

/** I3 of one model of several: it is not judged by what its neighbour does. */
export function modelFails(
  world: World,
  { instance, incarnation }: Sidecar,
  { name, failure }: { name: string; failure: string },
): void {
  const { model } = instance;
  const quietMs = world.nowMs - model.troubledAtMs;
  const answers = model.up && model.hungSinceMs === null && partIsRight(world, model, name);
  if (quietMs < 40 * world.scenario.beatMs || !answers) return;
  violate(world, "I3", `${name} of ${incarnation} is right, and judged ${failure}`);
}

/** I3: a model that is right is not taken down for a neighbour that is wrong, unless a person said so. */
function neighboursStay(
  world: World,
  { instance, incarnation }: Sidecar,
  { id, act }: Pick<Command, "id" | "act">,
): void {
  const isWhole =
    act.kind === "restart" ||
    (act.kind === "reload" && !act.models) ||
    (act.kind === "restore" && act.reload && !act.models);
  const { model } = instance;
  const { ordered, everFrozen } = world.ledger;
  const quietMs = world.nowMs - model.troubledAtMs;
  if (!isWhole || ordered.has(id) || everFrozen.size > 0 || quietMs < 40 * world.scenario.beatMs) return;
  if (!model.up || model.hungSinceMs !== null) return;
  const right = namesOf(world).filter((name) => partIsRight(world, model, name));
  if (right.length > 0 && right.length < namesOf(world).length)
    violate(world, "I3", `${id} takes ${right.join(", ")} of ${incarnation} down, which is right`);
}

type Decided = { state: ServiceState; effects: readonly Effect[]; given: Input };

/** Every decision, as it is made. */
export function decided(world: World, { process }: Replica, { state, effects, given }: Decided): void {
  for (const effect of effects) {
    if (effect.kind === "ack") {
      if (effect.mayEject && !othersCarry(state, effect.instance))
        violate(world, "I5", `${effect.instance} may leave, and nobody else is fit`);
    } else if (effect.kind === "audit" && effect.event.kind === "promote.intent")
      checkIntent(world, process, state, effect.event, given);
    else if (
      effect.kind === "audit" &&
      effect.event.kind === "all-wrong" &&
      effect.event.facts.frozen === true
    )
      world.ledger.everFrozen.add(String(effect.event.facts.release));
    else if (effect.kind === "audit" && effect.event.kind === "incident.open")
      checkSilence(world, process, state, effect.event);
    else if (effect.kind === "send") {
      const { id, act } = effect.command;
      world.say?.(process.name, `sends ${act.kind} ${id} to ${effect.instance}`);
      const repairs = act.kind === "restore" || act.kind === "reload" || act.kind === "restart";
      if (
        repairs &&
        state.plan.mode === "dry-run" &&
        state.durable.operations[id]?.requestedBy === "collector"
      )
        violate(world, "I3", `a dry run orders ${id}`);
    }
  }
}

const othersCarry = ({ members }: ServiceState, leaving: string): boolean =>
  Object.values(members).some(
    ({ id, report, connected, silent }) =>
      id !== leaving && connected && !silent && report?.fit === true && !report.diverted,
  );

/** I3 and I5: nobody is promoted who is known to be wrong, and mass silence promotes nobody. */
function checkIntent(
  world: World,
  observer: Process,
  state: ServiceState,
  { facts, reason }: Omit<AuditEvent, "at">,
  { atMs }: Input,
): void {
  const { promotion } = state.durable;
  if (facts.dryRun === true || promotion?.id !== facts.promotion || promotion?.forced) return;
  const boot = promotion && state.members[promotion.to]?.incarnation;
  const sidecars = world.instances.find(({ id }) => id === promotion?.to)?.sidecars;
  const target = sidecars?.find(({ incarnation }) => incarnation === boot);
  const slowMs = 2 * silentBeats * state.plan.heartbeatMs;
  const attentive = world.nowMs - observer.pausedUntilMs > slowMs;
  if (target?.wrongSinceMs != null && world.nowMs - target.wrongSinceMs > slowMs && attentive)
    violate(
      world,
      "I3",
      `${promotion?.id} is begun for ${target.incarnation}, which has long said that it is wrong`,
    );
  if (promotion?.operation || !reason.includes("silent")) return;
  const known = Object.values(state.members).filter(({ heardAtMs }) => heardAtMs !== null);
  const silent = known.filter(
    ({ heardAtMs }) => atMs - (heardAtMs ?? 0) > silentBeats * state.plan.heartbeatMs,
  );
  if (silent.length >= 3 && silent.length > 0.3 * known.length)
    violate(world, "I5", `${promotion?.id} is begun while ${silent.length} of ${known.length} are silent`);
}

/** I5: nobody is called silent who was heard of all the time, had the observer not slept. */
function checkSilence(
  world: World,
  observer: Process,
  { members }: ServiceState,
  { facts, instance: id }: Omit<AuditEvent, "at">,
): void {
  const sidecar = world.instances.find((instance) => instance.id === id)?.sidecars.at(-1);
  if (facts.failure !== "silent" || !sidecar?.stream || sidecar.stream.replica.process !== observer) return;
  // Of two boots that claim one identity neither is believed.
  if (members[sidecar.instance.id]?.contested) return;
  const { stream, links } = sidecar;
  const { heartbeatMs } = world.scenario.plan;
  const sinceMs = world.nowMs - (silentBeats + 1) * heartbeatMs;
  const link = links[stream.replica.index]?.up;
  const clear =
    link && !stream.brokenUp && Math.max(link.cutUntilMs, link.cloggedUntilMs, world.healedAtMs) < sinceMs;
  if (
    clear &&
    stream.openAtReplica &&
    stream.openedAtMs < sinceMs &&
    isRunning(world, sidecar.process) &&
    sidecar.process.pausedUntilMs < sinceMs
  )
    violate(world, "I5", `${sidecar.incarnation} is called silent, and it spoke all the time`);
}
