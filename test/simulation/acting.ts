import type { Command, CommandResult } from "@locum/contracts";
import { type Health, repairFor } from "@locum/coordination";
import { monotonicMs } from "./clock.ts";
import { actBegins, candidateProves, restoreSwaps } from "./invariants.ts";
import { answerOf, askedBy, load, releaseOf } from "./model.ts";
import { judgePolicyOf, lookAtFiles, reportOf, see } from "./probing.ts";
import { later } from "./process.ts";
import { give, type Sidecar } from "./sidecar.ts";
import type { World } from "./world.ts";

const maintenanceMsMax = 60_000;

/** Does what the holder lets through. Acts on the model come one after the other. */
export function perform(world: World, sidecar: Sidecar, command: Command): void {
  const { act } = command;
  switch (act.kind) {
    case "fence":
    case "promote":
    case "demote":
    case "drain":
    case "drill":
      return later(world, sidecar.process, world.random.between(1, 30), () =>
        complete(world, sidecar, command, "done", "ok"),
      );
    case "prepare":
      return prepare(world, sidecar, command);
    case "restore":
    case "reload":
    case "restart":
      sidecar.waiting.push(command);
      return nextAct(world, sidecar);
  }
}

/** Bytes and every golden, now: the proof on which a promotion is committed. */
function prepare(world: World, sidecar: Sidecar, command: Command): void {
  const { model, volume, approved } = sidecar.instance;
  later(world, sidecar.process, model.hungSinceMs === null ? 20 : 300, () => {
    const known = world.releases.slice(0, approved);
    const { health } = sidecar;
    // Each model is proven by the release that it answers as, which may not be its neighbour's in the middle of a deploy.
    const passes = (golden: string): boolean => {
      const name = askedBy(world, golden);
      const { current } = (health.models[name] ?? health).goldens;
      return current !== null && answerOf(model, { golden, name }, known).passes.includes(current);
    };
    const asked = goldensOfCurrent(health);
    const proven =
      asked.length > 0 &&
      asked.every(passes) &&
      known.some(({ tree }) => tree === volume.tree) &&
      sidecar.health.verdict.kind === "healthy" &&
      sidecar.busyWith === null;
    candidateProves(world, sidecar, command);
    complete(world, sidecar, command, proven ? "done" : "refused", proven ? "ok" : "unfit");
  });
}

/** The set of the release that each model answers as. */
function goldensOfCurrent({ goldens, models }: Health): string[] {
  const tallies =
    Object.keys(models).length > 0 ? Object.values(models).map((one) => one.goldens) : [goldens];
  return tallies.flatMap(
    ({ approved, current }) => approved.find(({ digest }) => digest === current)?.goldens ?? [],
  );
}

function complete(
  world: World,
  sidecar: Sidecar,
  command: Command,
  outcome: CommandResult["outcome"],
  code: string,
): void {
  const result = { id: command.id, outcome, code, detail: "", tookMs: 1 };
  give(world, sidecar, { kind: "acted", command, result });
}

export function nextAct(world: World, sidecar: Sidecar): void {
  if (sidecar.busyWith) return;
  const command = sidecar.waiting.shift();
  if (!command) return;
  sidecar.busyWith = command;
  actBegins(world, sidecar, command);
  world.say?.(sidecar.incarnation, `begins ${command.act.kind} ${command.id}`);
  const { heartbeatMs } = world.scenario.plan;
  const workMs = world.random.between(0.5, 6) * heartbeatMs;
  const { act } = command;
  if (act.kind !== "restore" || act.reload) maintain(world, sidecar, maintenanceMsMax, modelsOf(act));
  if (act.kind === "restore") later(world, sidecar.process, workMs, () => swapFiles(world, sidecar, command));
  else later(world, sidecar.process, workMs, () => reloadOrRestart(world, sidecar, command));
}

function maintain(world: World, sidecar: Sidecar, forMs: number, models: string[] | undefined): void {
  const atMs = monotonicMs(sidecar.process.clock, world.nowMs);
  const of = models ? { models } : {};
  see(world, sidecar, { kind: "maintenance", atMs, untilMs: atMs + forMs, reason: "ordered", ...of });
}

/** Those that an act is about; all where it names none. */
const modelsOf = (act: Command["act"]): string[] | undefined =>
  act.kind === "restore" || act.kind === "reload" ? act.models : undefined;

/** Only while the files still are the judged ones and nobody writes. */
function swapFiles(world: World, sidecar: Sidecar, command: Command): void {
  const { act } = command;
  if (act.kind !== "restore") return;
  const { volume } = sidecar.instance;
  const release = world.releases.find(({ digest }) => digest === act.release);
  if (!release || !volume.twins.includes(release.digest) || volume.tree !== act.judged || volume.writing) {
    if (act.reload) maintain(world, sidecar, 0, act.models);
    return end(world, sidecar, command, "refused", "conflict");
  }
  restoreSwaps(world, sidecar, command);
  volume.tree = release.tree;
  lookAtFiles(world, sidecar);
  if (act.reload) reloadOrRestart(world, sidecar, command);
  else end(world, sidecar, command, "done", "ok");
}

function reloadOrRestart(world: World, sidecar: Sidecar, command: Command): void {
  const { model, volume } = sidecar.instance;
  if (command.act.kind === "restart") {
    model.up = true;
    model.hungSinceMs = null;
  }
  const able = model.up && model.hungSinceMs === null;
  const names = modelsOf(command.act);
  if (able) load(world, model, volume, names);
  maintain(world, sidecar, 0, names);
  later(world, sidecar.process, 400, () => {
    const atMs = monotonicMs(sidecar.process.clock, world.nowMs);
    const { goldens, models } = world.core.fitnessOf(sidecar.health, atMs, judgePolicyOf(world));
    const states = names ? names.map((name) => models[name]?.goldens) : [goldens];
    const proven = able && states.every((state) => state === "proven");
    end(world, sidecar, command, proven ? "done" : "failed", proven ? "ok" : "unfit");
  });
}

function end(
  world: World,
  sidecar: Sidecar,
  command: Command,
  outcome: CommandResult["outcome"],
  code: string,
): void {
  sidecar.busyWith = null;
  world.say?.(sidecar.incarnation, `ends ${command.act.kind} ${command.id}: ${outcome} ${code}`);
  if (outcome === "done") world.stats[command.act.kind === "restore" ? "restores" : "reloads"] += 1;
  if (!isOwn(command)) complete(world, sidecar, command, outcome, code);
  nextAct(world, sidecar);
}

const isOwn = ({ id }: Command): boolean => id.startsWith("own-");

/** A collector that says nothing for this many heartbeats is away: the sidecar then repairs its own instance. */
const aloneBeats = 20;

export function repairAlone(world: World, sidecar: Sidecar): void {
  const { process, policy, health } = sidecar;
  const { plan } = world.scenario;
  const atMs = monotonicMs(process.clock, world.nowMs);
  const parts = [health, ...Object.values(health.models)];
  const touched =
    parts.some(({ verdict }) => verdict.kind === "failed") || health.bytes.state === "unapproved";
  if (!touched || plan.mode === "dry-run" || policy?.paused) return;
  if (atMs - sidecar.heardMs < aloneBeats * plan.heartbeatMs || sidecar.busyWith) return;
  if (atMs - sidecar.aloneActedMs < 2 * aloneBeats * plan.heartbeatMs) return;
  const repair = repairFor(reportOf(world, sidecar), {
    onUnapproved: plan.onUnapproved,
    settleMs: plan.settleMs,
    frozen: policy?.frozen ?? [],
    frozenModels: policy?.frozenModels,
    rollbackTo: null,
    tried: [],
  });
  if (repair.kind !== "act") return;
  sidecar.aloneActedMs = atMs;
  world.ownActs += 1;
  const { term, epoch } = sidecar.holder;
  const id = `own-${sidecar.incarnation}-${world.ownActs}`;
  world.ledger.intents.add(id);
  sidecar.waiting.push({
    id,
    term,
    epoch,
    incarnation: sidecar.incarnation,
    act: repair.act,
    reason: repair.why,
  });
  nextAct(world, sidecar);
}

/** The files were deployed and proven: their verified copy is made. */
export function keepTwin(world: World, { volume }: Sidecar["instance"]): void {
  const release = releaseOf(world, volume.tree);
  if (release && !volume.twins.includes(release.digest))
    volume.twins = [release.digest, ...volume.twins].slice(0, 3);
}
