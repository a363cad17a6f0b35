import type { Command, Digest, Policy, Report } from "@locum/contracts";

export type Repair =
  | { kind: "none" }
  | { kind: "wait"; why: string }
  | { kind: "hold"; why: string }
  | { kind: "act"; act: Extract<Command["act"], { kind: "restore" | "reload" | "restart" }>; why: string };

export type RepairPolicy = {
  onUnapproved: "hold" | "restore";
  settleMs: number;
  frozen: readonly Digest[];
  /** Models that are wrong everywhere, by release. */
  frozenModels?: Policy["frozenModels"];
  /** Release to go back to where `allWrong: rollback` is at work on this instance. */
  rollbackTo: Digest | null;
  /** Repairs already tried in this incident: the next stronger one follows. */
  tried: readonly string[];
};

type RepairAct = Extract<Repair, { kind: "act" }>["act"];

/** What a repair leaves in the list of those tried: one of some models says nothing of their neighbours. */
export const triedBy = (act: RepairAct): string[] =>
  act.kind !== "restart" && act.models ? act.models.map((name) => `${act.kind}:${name}`) : [act.kind];

/** How often the same was tried in this incident. */
export const repeatsOf = (act: RepairAct, tried: readonly string[]): number =>
  Math.max(...triedBy(act).map((key) => tried.filter((one) => one === key).length));

/**
 * Bytes x goldens, both against the approved release. Used by the collector for its fleet and by a sidecar that is
 * alone for its own instance, so that both would do the same.
 *
 * |               | goldens good               | goldens bad                                     |
 * | bytes good    | healthy                    | memory or hardware: reload, restart, else hold  |
 * | bytes differ  | latent: restore, no reload | isolate, restore, reload, verify                |
 *
 * Of several models each has goldens of its own: only those that are wrong are loaded again, beside their neighbours.
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
  const wrong = failed === null ? wrongModels(report) : [];
  const repairable = wrong.filter((name) => !isFrozen(report, name, policy));
  if (wrong.length > 0 && repairable.length === 0)
    return {
      kind: "hold",
      why: `${wrong.join(", ")}: wrong everywhere, the release or the golden is at fault`,
    };
  if (report.bytes === "unapproved")
    return repairBytes(report, { failed: failed !== null, models: repairable }, policy);
  if (policy.rollbackTo && report.tree && !isDeployed(report, policy.frozen))
    return restoreTo(report, policy.rollbackTo, true, "rollback to an older approved release");
  if (repairable.length > 0) return reloadModels(repairable, policy.tried);
  if (failed === null) return { kind: "none" };
  return repairProcess(report, failed, policy.tried);
}

/** Models that have failed by themselves, on a server that has not. */
export const wrongModels = ({ models = {} }: Report): string[] =>
  Object.keys(models).filter((name) => models[name]?.verdict.kind === "failed");

function isFrozen({ models = {} }: Report, name: string, { frozenModels = {} }: RepairPolicy): boolean {
  const release = models[name]?.release;
  return release != null && frozenModels[release]?.includes(name) === true;
}

/** Its files are another approved release already, which only has to be loaded: a deploy is never restored away. */
const isDeployed = ({ owner, release }: Report, frozen: readonly Digest[]): boolean =>
  owner != null && owner !== release && !frozen.includes(owner);

function repairBytes(
  report: Report,
  { failed, models }: { failed: boolean; models: readonly string[] },
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
  if (models.length > 0)
    return restoreTo(report, release, true, `wrong files, and ${models.join(", ")} answers wrongly`, models);
  if (report.goldens === "proven" || report.goldens === "none")
    return restoreTo(report, release, false, "wrong files, the loaded model is right: latent");
  return { kind: "wait", why: "the goldens are being asked" };
}

function restoreTo(
  report: Report,
  release: Digest,
  reload: boolean,
  why: string,
  models?: readonly string[],
): Repair {
  if (!report.tree) return { kind: "hold", why: "its files are not known" };
  if (!report.restorable.includes(release))
    return { kind: "hold", why: `no verified copy of ${release.slice(0, 19)} is at hand` };
  return {
    kind: "act",
    act: {
      kind: "restore",
      judged: report.tree,
      release,
      reload,
      ...(models ? { models: [...models] } : {}),
    },
    why,
  };
}

/** A restart would take the neighbours down with it, so it is not among the steps for one model of several. */
function reloadModels(models: readonly string[], tried: readonly string[]): Repair {
  const untried = models.filter((name) => !tried.includes("reload") && !tried.includes(`reload:${name}`));
  const names = models.join(", ");
  if (untried.length === 0)
    return {
      kind: "hold",
      why: `${names}: right files, and still wrong after a reload; its neighbours go on, a restart is a person's to order`,
    };
  return {
    kind: "act",
    act: { kind: "reload", models: untried.slice(0, 256) },
    why: `${untried.join(", ")}: wrong with right files, its neighbours are right`,
  };
}

/** Good bytes, bad answers: the loaded copy, the process or the machine. Each step is tried once, the mildest first. */
function repairProcess(report: Report, failure: string, tried: readonly string[]): Repair {
  const restart: Repair = { kind: "act", act: { kind: "restart" }, why: `${failure} with right files` };
  // Without a driver a reload is all there is against a hang: it helps where workers died and their parent lives.
  const reloadMayHelp = failure === "hung" && !report.canRestart && !tried.includes("reload");
  if ((failure === "process-gone" || failure === "hung") && !reloadMayHelp)
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
