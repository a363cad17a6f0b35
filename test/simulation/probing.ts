import type { Probe, Report } from "@locum/contracts";
import { type Ask, type Fitness, goldensToAsk, type Health, type JudgePolicy } from "@locum/coordination";
import { repairAlone } from "./acting.ts";
import { monotonicMs } from "./clock.ts";
import { modelFails, verdictChanges } from "./invariants.ts";
import { answerOf, askedBy, namesOf, releaseOf } from "./model.ts";
import { later } from "./process.ts";
import { give, type Sidecar } from "./sidecar.ts";
import { divert, reportNow } from "./stream.ts";
import type { World } from "./world.ts";

const goldenTimeoutMs = 300;

export const judgePolicyOf = (world: World): JudgePolicy => ({
  divertFloorMs: 500,
  divertCeilingMs: 60_000,
  fitnessMaxAgeMs: world.scenario.plan.fitnessMaxAgeMs,
});

/** What a sidecar does at its own pace: look at the clocks, at the process, at the files, ask one golden, report. */
export function beat(world: World, sidecar: Sidecar): void {
  const { model } = sidecar.instance;
  const { life } = sidecar.process;
  if (sidecar.holder.role === "active") give(world, sidecar, { kind: "tick" });
  if (sidecar.process.life !== life) return;
  const atMs = monotonicMs(sidecar.process.clock, world.nowMs);
  const { health } = sidecar;
  if (!model.up)
    see(world, sidecar, { kind: "process", atMs, alive: false, again: false, detail: "refused" });
  else if (health.gone) see(world, sidecar, { kind: "process", atMs, alive: true, again: false, detail: "" });
  const deaf = !model.up || model.hungSinceMs !== null;
  if (deaf || health.liveMisses > 0 || health.progress.stalledMs > 0) {
    see(world, sidecar, { kind: "live", atMs, ok: !deaf, detail: deaf ? "no answer" : "", latencyMs: 1 });
    const waitingMs = model.hungSinceMs === null ? 0 : world.nowMs - model.hungSinceMs;
    const inflight = model.up && deaf ? 1 : 0;
    const completed = health.progress.completed + (deaf ? 0 : 1);
    see(world, sidecar, { kind: "progress", atMs, inflight, waitingMs, completed, p99Ms: 5 });
  }
  lookAtFiles(world, sidecar);
  askNext(world, sidecar);
  repairAlone(world, sidecar);
  const { heartbeatMs } = world.scenario.plan;
  if (atMs - sidecar.reportedMs > 0.5 * heartbeatMs) reportNow(world, sidecar);
}

function askNext(world: World, sidecar: Sidecar): void {
  const { goldenBeats } = world.scenario;
  sidecar.rotation += 1;
  if (sidecar.rotation % goldenBeats !== 0) return;
  const goldens = goldensToAsk(sidecar.health);
  const golden = goldens[(sidecar.rotation / goldenBeats) % goldens.length];
  if (golden && !sidecar.asking.has(golden)) ask(world, sidecar, golden);
}

/** What was approved: told at the start, and whenever an approval reaches this instance. */
export function learnReleases(world: World, sidecar: Sidecar): void {
  const approved = approvedOf(world, sidecar).map(({ digest, tree, goldens }) => ({
    digest,
    tree,
    goldens,
    models: Object.fromEntries(
      namesOf(world).map((name) => [name, goldens.filter((golden) => askedBy(world, golden) === name)]),
    ),
  }));
  const atMs = monotonicMs(sidecar.process.clock, world.nowMs);
  see(world, sidecar, { kind: "releases", atMs, approved });
  lookAtFiles(world, sidecar);
}

const approvedOf = (world: World, { instance }: Sidecar) => world.releases.slice(0, instance.approved);

export function lookAtFiles(world: World, sidecar: Sidecar): void {
  const { tree } = sidecar.instance.volume;
  const owner = releaseOf(world, tree);
  const release = owner && approvedOf(world, sidecar).includes(owner) ? owner.digest : null;
  const state = release ? "approved" : "unapproved";
  const { bytes } = sidecar.health;
  if (bytes.tree === tree && bytes.state === state) return;
  const atMs = monotonicMs(sidecar.process.clock, world.nowMs);
  see(world, sidecar, { kind: "bytes", atMs, state, tree, release, detail: state });
}

/** One observation into the untouched judge; what it wants to know next is asked. */
export function see(world: World, sidecar: Sidecar, probe: Probe): void {
  const before = sidecar.health;
  const { health, asks } = world.core.judge(before, probe, judgePolicyOf(world));
  sidecar.health = health;
  for (const wanted of asks) follow(world, sidecar, wanted);
  const [was, is] = [before.verdict, health.verdict];
  const changed = modelVerdicts(world, sidecar, before, health);
  if (was.kind === is.kind && before.bytes === health.bytes && !changed) return;
  const models = Object.values(health.models);
  const isWrong = is.kind === "failed" || models.some(({ verdict }) => verdict.kind === "failed");
  const wrong = isWrong || health.bytes.state === "unapproved";
  sidecar.wrongSinceMs = wrong ? (sidecar.wrongSinceMs ?? world.nowMs) : null;
  if (is.kind === "failed" && was.kind !== "failed") verdictChanges(world, sidecar, is);
  if (was.kind !== is.kind)
    world.say?.(sidecar.incarnation, `${was.kind} -> ${is.kind}${"failure" in is ? ` ${is.failure}` : ""}`);
  decideDivert(world, sidecar);
  later(world, sidecar.process, 1, () => reportNow(world, sidecar));
}

/** Of several models each: whether one is judged otherwise now. */
function modelVerdicts(world: World, sidecar: Sidecar, before: Health, after: Health): boolean {
  let changed = false;
  for (const [name, { verdict }] of Object.entries(after.models)) {
    const was = before.models[name]?.verdict.kind;
    if (was === verdict.kind) continue;
    changed = true;
    world.say?.(sidecar.incarnation, `${name}: ${was ?? "new"} -> ${verdict.kind}`);
    if (verdict.kind === "failed") modelFails(world, sidecar, { name, failure: verdict.failure });
  }
  return changed;
}

/** Hard proof needs nobody's permission, but somebody to go to; where wrong is worse than absent, not even that. */
function decideDivert(world: World, sidecar: Sidecar): void {
  const { verdict, goldens } = sidecar.health;
  const { policy } = sidecar;
  if (verdict.kind !== "failed") return divert(world, sidecar, false);
  const { failClosed } = world.scenario.plan;
  const frozen = goldens.current !== null && policy?.frozen.includes(goldens.current);
  const elsewhere = policy?.peers.some(({ id, fit }) => fit && id !== sidecar.instance.id);
  if (frozen) divert(world, sidecar, failClosed || policy?.allWrong === "refuse");
  else if (verdict.hard && (failClosed || elsewhere)) divert(world, sidecar, true);
}

function follow(world: World, sidecar: Sidecar, wanted: Ask): void {
  const atMs = monotonicMs(sidecar.process.clock, world.nowMs);
  switch (wanted.kind) {
    case "process": {
      const alive = sidecar.instance.model.up;
      return see(world, sidecar, {
        kind: "process",
        atMs,
        alive,
        again: true,
        detail: alive ? "" : "refused",
      });
    }
    case "live":
      return;
    case "golden":
      return askSoon(world, sidecar, wanted.id);
    case "another-golden": {
      const others = goldensToAsk(sidecar.health).filter((id) => {
        const name = askedBy(world, id);
        return id !== wanted.not && (wanted.model ?? name) === name && wanted.notModel !== name;
      });
      const other = world.random.pick(others);
      return other === undefined ? undefined : askSoon(world, sidecar, other);
    }
    case "all-goldens":
      for (const id of goldensToAsk(sidecar.health, wanted.models ?? null)) askSoon(world, sidecar, id);
  }
}

/** Never the same golden twice at once. */
function askSoon(world: World, sidecar: Sidecar, golden: string): void {
  if (sidecar.asking.has(golden)) return;
  sidecar.asking.add(golden);
  later(world, sidecar.process, 5, () => ask(world, sidecar, golden));
}

function ask(world: World, sidecar: Sidecar, golden: string): void {
  const { model } = sidecar.instance;
  const name = askedBy(world, golden);
  const answer = answerOf(model, { golden, name }, approvedOf(world, sidecar));
  const tell = (): void =>
    see(world, sidecar, {
      kind: "golden",
      atMs: monotonicMs(sidecar.process.clock, world.nowMs),
      golden,
      model: name,
      ...answer,
      deltaMax: 0,
      latencyMs: 3,
      detail: "",
    });
  sidecar.asking.delete(golden);
  if (answer.outcome !== "timeout") return tell();
  sidecar.asking.add(golden);
  later(world, sidecar.process, goldenTimeoutMs, () => {
    sidecar.asking.delete(golden);
    tell();
  });
}

export function reportOf(world: World, sidecar: Sidecar): Report {
  const { health, holder, instance, process } = sidecar;
  const atMs = monotonicMs(process.clock, world.nowMs);
  const { models, goldens, provenAgeMs, release, fit } = world.core.fitnessOf(
    health,
    atMs,
    judgePolicyOf(world),
  );
  return {
    role: holder.role,
    term: holder.term,
    epoch: holder.epoch,
    verdict: health.verdict,
    goldens,
    provenAgeMs,
    bytes: health.bytes.state,
    tree: health.bytes.tree,
    release,
    owner: health.bytes.release,
    restorable: instance.volume.twins,
    quietMs: Math.max(0, world.nowMs - instance.volume.writtenAtMs),
    fit: fit && sidecar.busyWith === null,
    diverted: sidecar.diverted,
    canRestart: world.scenario.canRestart,
    inflight: 0,
    requestsPerSecond: 10,
    capacityPerSecond: 100,
    p99Ms: 5,
    tap: null,
    control: null,
    policy: sidecar.policy?.number ?? 0,
    ...(Object.keys(models).length > 0 ? { models: modelReports(health, models) } : {}),
  };
}

const modelReports = (health: Health, models: Fitness["models"]): NonNullable<Report["models"]> =>
  Object.fromEntries(
    Object.entries(health.models).map(([name, { verdict }]) => {
      const { goldens = "partial", provenAgeMs = null, release = null, fit = false } = models[name] ?? {};
      const diverted = verdict.kind === "failed" && verdict.hard;
      return [name, { verdict, goldens, provenAgeMs, release, fit, diverted }];
    }),
  );
