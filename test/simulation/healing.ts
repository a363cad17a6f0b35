import { keepTwin } from "./acting.ts";
import { wallMs } from "./clock.ts";
import { retire } from "./faults.ts";
import { violate } from "./invariants.ts";
import { isRight, load, releaseOf } from "./model.ts";
import { learnReleases, lookAtFiles } from "./probing.ts";
import { later } from "./process.ts";
import { input, startReplica, stopReplica } from "./replica.ts";
import { restartSidecar, serves, stopSidecar } from "./sidecar.ts";
import { runUntil, type World } from "./world.ts";

/**
 * I5: the faults end, and what was healthy has to serve within a bound, without help. Then a person repairs what is
 * left, and everything has to come to rest: incidents closed, no operation or promotion open, one active.
 */
export function heal(world: World): void {
  const { plan, healPhaseMs } = world.scenario;
  world.calm = true;
  endFaults(world);
  runUntil(world, world.nowMs + 0.6 * healPhaseMs);
  if (
    plan.mode === "auto" &&
    world.ledger.violations.length === 0 &&
    someoneCould(world) &&
    !someoneServes(world)
  )
    violate(world, "I5", `nobody serves, and somebody could: ${describe(world)}`);
  if (world.ledger.violations.length > 0) return;
  // Once more, for what was under way while the person worked.
  for (const part of [0.1, 0.3]) {
    repairAll(world);
    runUntil(world, world.nowMs + part * healPhaseMs);
  }
  if (world.ledger.violations.length === 0) checkRest(world);
  world.calm = false;
}

/** One node may be gone for good: the rest must do without it, also where a leader went down with it. */
function loseNode(world: World): void {
  const { random } = world;
  const lost = random.chance(0.4) ? random.pick(world.instances) : undefined;
  if (!lost) return;
  world.say?.("HEAL", `the node of ${lost.id} is gone`);
  world.lost.add(lost.id);
  lost.model.up = false;
  for (const sidecar of lost.sidecars) stopSidecar(world, sidecar);
  const leader = world.replicas.find(({ state }) => state !== null);
  if (leader && random.chance(0.5)) stopReplica(world, leader);
}

function endFaults(world: World): void {
  world.say?.("HEAL", "no more faults");
  world.healedAtMs = world.nowMs;
  loseNode(world);
  world.store.awayUntilMs = 0;
  world.store.slowUntilMs = 0;
  world.storeLinks.clear();
  world.network = { ...world.scenario.network, loss: 0 };
  for (const instance of world.instances) {
    for (const old of instance.sidecars.slice(0, -1)) retire(world, instance, old);
    for (const sidecar of instance.sidecars) {
      // What is clogged still comes out in its time and its order.
      for (const { up, down } of sidecar.links) up.cutUntilMs = down.cutUntilMs = 0;
      restartSidecar(world, sidecar);
    }
  }
  for (const replica of world.replicas) if (!replica.process.up) startReplica(world, replica);
  // A pause that a person ordered is taken back, once a leader is there to hear it.
  resumeOrders(world);
}

function resumeOrders(world: World): void {
  world.heap.push(world.nowMs + 2 * world.scenario.leadMs, () => {
    const leader = world.replicas.find(({ state }) => state !== null && !state.observeOnly);
    if (!leader) return;
    const order = { id: "resume", by: "token:operator", reason: "healed", kind: "resume" } as const;
    later(world, leader.process, 1, () => input(world, leader, { kind: "order", order }));
  });
}

/** Right in bytes and answers since the faults ended, by the newest proof that the world has. */
const someoneCould = (world: World): boolean =>
  world.instances.some(
    ({ id, model, volume }) =>
      !world.lost.has(id) &&
      isRight(world, model) &&
      releaseOf(world, volume.tree) !== undefined &&
      world.nowMs - model.troubledAtMs > 0.5 * world.scenario.healPhaseMs,
  );

const someoneServes = (world: World): boolean =>
  world.instances.some(
    ({ model, sidecars }) => isRight(world, model) && sidecars.some((one) => serves(world, one)),
  );

function repairAll(world: World): void {
  world.say?.("HEAL", "a person repairs what is left");
  const last = world.releases.filter(({ broken }) => !broken).at(-1);
  if (!last) return;
  world.network = { ...world.network, duplication: 0, reordering: 0 };
  world.lost.clear();
  for (const instance of world.instances) {
    const { model, volume } = instance;
    instance.approved = world.releases.length;
    model.troubledAtMs = world.nowMs;
    const owner = releaseOf(world, volume.tree);
    volume.writing = false;
    if (!owner || owner.broken) volume.tree = last.tree;
    keepTwin(world, instance);
    model.hardwareBad = false;
    model.hungSinceMs = null;
    model.up = true;
    load(world, model, volume);
    for (const sidecar of instance.sidecars) restartSidecar(world, sidecar);
    for (const sidecar of instance.sidecars)
      later(world, sidecar.process, 1, () => {
        learnReleases(world, sidecar);
        lookAtFiles(world, sidecar);
      });
  }
}

function checkRest(world: World): void {
  const { durable, incidents } = world.store;
  const { plan } = world.scenario;
  if (!durable) return violate(world, "I5", "nobody ever led");
  const open = Object.values(durable.operations).filter(({ endedAt }) => endedAt === null);
  if (open.length > 0)
    violate(world, "I5", `operations stay open: ${open.map(({ id, kind }) => `${kind} ${id}`)}`);
  if (durable.promotion) violate(world, "I5", `a promotion stays open: ${JSON.stringify(durable.promotion)}`);
  if (incidents.size > 0)
    violate(
      world,
      "I5",
      `incidents stay open: ${[...incidents.values()].map(({ id, instance, failure }) => `${id} ${instance} ${failure}`)}`,
    );
  const leader = world.replicas.find(({ state }) => state && !state.observeOnly);
  if (!leader) violate(world, "I5", "nobody leads");
  if (plan.mode === "auto" && !someoneServes(world))
    violate(world, "I5", `nobody serves: ${describe(world)}`);
  for (const { id, sidecars } of world.instances) {
    const role = sidecars.at(-1)?.holder.role;
    if (plan.mode === "auto" && role !== durable.roles[id])
      violate(world, "I5", `${id} is ${role} and should be ${durable.roles[id]}: ${describe(world)}`);
  }
}

const describe = (world: World): string =>
  [
    `roles ${JSON.stringify(world.store.durable?.roles)}`,
    ...world.instances.map(
      ({ id, model, volume, sidecars }) =>
        `${id}: ${isRight(world, model) ? "right" : "wrong"}, files ${releaseOf(world, volume.tree) ? "approved" : "wrong"}, ${sidecars
          .map(
            ({ holder, health, diverted }) =>
              `${holder.role} ${health.verdict.kind}${diverted ? " diverted" : ""}`,
          )
          .join(" + ")}`,
    ),
    `wall ${Math.round(wallMs(world.store.clock, world.nowMs))}`,
  ].join("; ");
