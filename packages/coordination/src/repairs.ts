import type { Command, Digest, Report } from "@locum/contracts";
import { spend } from "./budget.ts";
import { volumeOf } from "./candidates.ts";
import type { Member } from "./decision.ts";
import { startOperation } from "./operations.ts";
import {
  audit,
  isPaused,
  membersOf,
  openOperations,
  sayOnce,
  setDurable,
  type Turn,
  tell,
  unsay,
  updateIncident,
} from "./turn.ts";

/** Restores of one service at the same time; one per volume always. */
const restoresMax = 2;

export type Repair =
  | { kind: "none" }
  | { kind: "wait"; why: string }
  | { kind: "hold"; why: string }
  | { kind: "act"; act: Extract<Command["act"], { kind: "restore" | "reload" | "restart" }>; why: string };

export type RepairPolicy = {
  onUnapproved: "hold" | "restore";
  settleMs: number;
  frozen: readonly Digest[];
  /** Release to go back to where `allWrong: rollback` is at work on this instance. */
  rollbackTo: Digest | null;
  /** Repairs already tried in this incident: the next stronger one follows. */
  tried: readonly string[];
};

/**
 * Bytes x goldens, both against the approved release. Used by the collector for its fleet and by a sidecar that is
 * alone for its own instance, so that both would do the same.
 *
 * |               | goldens good               | goldens bad                                     |
 * | bytes good    | healthy                    | memory or hardware: reload, restart, else hold  |
 * | bytes differ  | latent: restore, no reload | isolate, restore, reload, verify                |
 */
export function repairFor(report: Report, policy: RepairPolicy): Repair {
  const repair = chooseRepair(report, policy);
  const seen = report.verdict.evidence.map(({ detail }) => detail).join("; ");
  // The record of an act says what was seen, and not only what it was taken for.
  return repair.kind === "act" && report.verdict.kind === "failed" && seen !== ""
    ? { ...repair, why: `${repair.why}: ${seen}`.slice(0, 900) }
    : repair;
}

function chooseRepair(report: Report, policy: RepairPolicy): Repair {
  const failed = report.verdict.kind === "failed" ? report.verdict.failure : null;
  if (report.release && policy.frozen.includes(report.release) && !policy.rollbackTo)
    return { kind: "hold", why: "its release fails everywhere: the release or the golden is at fault" };
  if (report.bytes === "unapproved") return repairBytes(report, failed !== null, policy);
  if (policy.rollbackTo && report.tree && !isDeployed(report, policy.frozen))
    return restoreTo(report, policy.rollbackTo, true, "rollback to an older approved release");
  if (failed === null) return { kind: "none" };
  return repairProcess(report, failed, policy.tried);
}

/** Its files are another approved release already, which only has to be loaded: a deploy is never restored away. */
const isDeployed = ({ owner, release }: Report, frozen: readonly Digest[]): boolean =>
  owner != null && owner !== release && !frozen.includes(owner);

function repairBytes(
  report: Report,
  failed: boolean,
  { onUnapproved, settleMs, rollbackTo }: RepairPolicy,
): Repair {
  if (onUnapproved === "hold")
    return {
      kind: "hold",
      why: "the files belong to no approved release; another system deploys here (onUnapproved: hold)",
    };
  if (report.quietMs < settleMs) return { kind: "wait", why: "the files are still being written" };
  const release =
    rollbackTo ??
    (report.release && report.restorable.includes(report.release) ? report.release : report.restorable[0]);
  if (!release) return { kind: "hold", why: "no verified copy of an approved release is at hand" };
  if (failed) return restoreTo(report, release, true, "wrong files and wrong answers");
  if (report.goldens === "proven" || report.goldens === "none")
    return restoreTo(report, release, false, "wrong files, the loaded model is right: latent");
  return { kind: "wait", why: "the goldens are being asked" };
}

function restoreTo(report: Report, release: Digest, reload: boolean, why: string): Repair {
  if (!report.tree) return { kind: "hold", why: "its files are not known" };
  if (!report.restorable.includes(release))
    return { kind: "hold", why: `no verified copy of ${release.slice(0, 19)} is at hand` };
  return { kind: "act", act: { kind: "restore", judged: report.tree, release, reload }, why };
}

/** Good bytes, bad answers: the loaded copy, the process or the machine. Each step is tried once, the mildest first. */
function repairProcess(report: Report, failure: string, tried: readonly string[]): Repair {
  const restart: Repair = { kind: "act", act: { kind: "restart" }, why: `${failure} with right files` };
  if (failure === "process-gone" || failure === "hung")
    return report.canRestart
      ? restart
      : { kind: "wait", why: "no restart driver is configured: its supervisor has to" };
  if (!tried.includes("reload"))
    return { kind: "act", act: { kind: "reload" }, why: `${failure} with right files` };
  if (report.canRestart && !tried.includes("restart")) return restart;
  const why = report.canRestart
    ? "right files, and still wrong after a reload and a restart: suspect the node's memory or hardware"
    : "right files, and still wrong after a reload: what is in memory needs a restart, and no restart driver is configured";
  return { kind: "hold", why };
}

export function startRepairs(turn: Turn): void {
  if (isPaused(turn) || turn.atMs < turn.state.observeUntilMs) return;
  for (const member of membersOf(turn)) startRepair(turn, member);
}

function startRepair(turn: Turn, member: Member): void {
  const incident = member.incident ? turn.state.incidents[member.incident] : undefined;
  const { report } = member;
  if (
    !incident ||
    !report ||
    !member.connected ||
    member.contested ||
    member.silent ||
    isBusy(turn, member.id)
  )
    return;
  const { plan, durable } = turn.state;
  if (member.repairedAtMs !== null && turn.atMs - member.repairedAtMs < 2 * plan.heartbeatMs) return;
  const repair = repairFor(report, {
    onUnapproved: plan.onUnapproved,
    settleMs: plan.settleMs,
    frozen: durable.frozen,
    rollbackTo: rollbackFor(turn, member),
    tried: incident.tried,
  });
  switch (repair.kind) {
    case "none":
    case "wait":
      return;
    case "hold":
      return sayOnce(turn, `${member.id}:hold:${repair.why}`, () => {
        tell(turn, member.id, "hold", repair.why);
        const event = audit(turn, "command.refused", member.id, repair.why, {});
        turn.effects.push({ kind: "notify", subject: `${plan.service}/${member.id}: held`, event });
      });
    case "act":
      return act(turn, member, repair, incident.tried);
  }
}

function act(
  turn: Turn,
  member: Member,
  { act, why }: Extract<Repair, { kind: "act" }>,
  tried: string[],
): void {
  const { plan } = turn.state;
  if (act.kind === "restore" && !mayRestore(turn, member.id)) return;
  if (plan.mode === "dry-run") {
    return sayOnce(turn, `${member.id}:would:${act.kind}`, () => {
      const event = audit(turn, `${act.kind}.intent`, member.id, `dry run: ${why}`, { dryRun: true });
      turn.effects.push({ kind: "would", effect: { kind: "audit", event } });
    });
  }
  if (!spend(turn, act.kind, member.id, tried.filter((kind) => kind === act.kind).length)) return;
  const incident = member.incident ? turn.state.incidents[member.incident] : undefined;
  if (incident) updateIncident(turn, { ...incident, tried: [...tried, act.kind] });
  startOperation(turn, { kind: act.kind, instance: member.id, act, requestedBy: "collector", reason: why });
}

const isBusy = (turn: Turn, instance: string): boolean =>
  openOperations(turn).some((operation) => operation.instance === instance) ||
  turn.state.durable.promotion?.to === instance;

const isRestored = (turn: Turn, instance: string): boolean =>
  openOperations(turn).some(({ kind, instance: at }) => kind === "restore" && at === instance);

function mayRestore(turn: Turn, instance: string): boolean {
  const running = openOperations(turn).filter(({ kind }) => kind === "restore");
  return (
    running.length < restoresMax &&
    running.every((operation) => volumeOf(turn, operation.instance) !== volumeOf(turn, instance))
  );
}

/**
 * Wrong everywhere is not a failure of each: two instances with the right files of one release that fail its goldens,
 * and none that passes them, point at the release or at the golden.
 */
export function watchAllWrong(turn: Turn): void {
  const { durable } = turn.state;
  const asked = membersOf(turn).some(({ report }) => report !== null && isWrong(report));
  if (!asked && durable.frozen.length === 0) return;
  // Files that were just put right are not loaded yet: what still fails is the copy from before.
  const reports = membersOf(turn).flatMap(({ id, report, silent, connected }) =>
    report && connected && !silent && !isRestored(turn, id) ? [report] : [],
  );
  for (const release of new Set(reports.flatMap((report) => report.release ?? []))) {
    const serving = reports.filter((report) => report.release === release && report.bytes !== "unapproved");
    const wrong = serving.filter(isWrong);
    const isFrozen = durable.frozen.includes(release);
    if (!isFrozen && wrong.length >= 2 && wrong.length === serving.length) freeze(turn, release);
    else if (
      isFrozen &&
      serving.some((report) => report.goldens === "proven" && report.verdict.kind === "healthy")
    ) {
      setDurable(turn, { frozen: turn.state.durable.frozen.filter((digest) => digest !== release) });
      audit(turn, "all-wrong", null, "an instance of this release is right again", {
        release,
        frozen: false,
      });
      unsay(turn, `all-wrong:${release}`);
    }
  }
}

const isWrong = ({ verdict, goldens }: Report): boolean =>
  verdict.kind === "failed" &&
  (verdict.failure === "wrong-output" || verdict.failure === "not-finite") &&
  goldens !== "proven";

function freeze(turn: Turn, release: Digest): void {
  setDurable(turn, { frozen: [...turn.state.durable.frozen, release].slice(-64) });
  const event = audit(
    turn,
    "all-wrong",
    null,
    `every instance of ${release} fails its goldens: no ejection and no restore by it (allWrong: ${turn.state.plan.allWrong})`,
    { release, frozen: true },
  );
  turn.effects.push({ kind: "notify", subject: `${turn.state.plan.service}: wrong everywhere`, event });
}

/** The older release to go back to, for one instance first; the others follow once that one is proven. */
function rollbackFor(turn: Turn, member: Member): Digest | null {
  const { plan, durable } = turn.state;
  const { report } = member;
  if (plan.allWrong !== "rollback" || !report?.release || !durable.frozen.includes(report.release))
    return null;
  const older = report.restorable.find((digest) => !durable.frozen.includes(digest));
  if (!older) return null;
  const others = membersOf(turn).filter(({ id }) => id !== member.id);
  const proven = others.some(
    ({ report: other }) => other?.release === older && other.verdict.kind === "healthy",
  );
  const first = membersOf(turn).find(
    ({ report: one }) => one?.release != null && durable.frozen.includes(one.release),
  );
  return proven || first?.id === member.id ? older : null;
}
