import type { Digest, ModelReport, Report } from "@locum/contracts";
import { isShadow } from "./candidates.ts";
import type { Member } from "./decision.ts";
import { audit, membersOf, openOperations, setDurable, type Turn, unsay } from "./turn.ts";

/**
 * Wrong everywhere is not a failure of each: two instances with the right files of one release that fail its goldens,
 * and none that passes them, point at the release or at the golden.
 */
export function watchAllWrong(turn: Turn): void {
  const { durable } = turn.state;
  watchModels(turn);
  const asked = membersOf(turn).some(({ report }) => report !== null && isWrong(report));
  if (!asked && durable.frozen.length === 0) return;
  const reports = witnesses(turn);
  for (const release of new Set(reports.flatMap((report) => report.release ?? []))) {
    const serving = reports.filter((report) => report.release === release && report.bytes !== "unapproved");
    const wrong = serving.filter(isWrong);
    const isFrozen = durable.frozen.includes(release);
    if (!isFrozen && wrong.length >= 2 && wrong.length === serving.length) freeze(turn, release);
    else if (isFrozen && serving.some(isRightNow)) {
      setDurable(turn, { frozen: turn.state.durable.frozen.filter((digest) => digest !== release) });
      audit(turn, "all-wrong", null, "an instance of this release is right again", {
        release,
        frozen: false,
      });
      unsay(turn, `all-wrong:${release}`);
    }
  }
}

/**
 * Who is there to say so. Files that were just put right are not loaded yet: what still fails there is the copy from
 * before. A shadow tries what is not in service.
 */
const witnesses = (turn: Turn): Report[] =>
  membersOf(turn).flatMap(({ id, report, silent, connected }) =>
    report && connected && !silent && !isRestored(turn, id) && !isShadow(turn, id) ? [report] : [],
  );

const isRestored = (turn: Turn, instance: string): boolean =>
  openOperations(turn).some(({ kind, instance: at }) => kind === "restore" && at === instance);

/** The same of one model of several: its neighbours are not frozen with it. */
function watchModels(turn: Turn): void {
  const frozen = turn.state.durable.frozenModels ?? {};
  const reports = witnesses(turn).filter(({ bytes }) => bytes !== "unapproved");
  const named = new Map<string, ModelReport[]>();
  for (const { models = {} } of reports)
    for (const [name, model] of Object.entries(models))
      if (model.release !== null) {
        const key = JSON.stringify([model.release, name]);
        named.set(key, [...(named.get(key) ?? []), model]);
      }
  for (const [key, serving] of named) {
    const [release, name] = JSON.parse(key) as [Digest, string];
    const wrong = serving.filter(isWrong);
    const isFrozen = frozen[release]?.includes(name) === true;
    if (!isFrozen && wrong.length >= 2 && wrong.length === serving.length)
      setFrozen(turn, release, name, true);
    else if (isFrozen && serving.some(isRightNow)) setFrozen(turn, release, name, false);
  }
}

function setFrozen(turn: Turn, release: Digest, model: string, frozen: boolean): void {
  const before = turn.state.durable.frozenModels ?? {};
  const rest = (before[release] ?? []).filter((name) => name !== model);
  const models = frozen ? [...rest, model].slice(-64) : rest;
  const { [release]: _before, ...others } = before;
  setDurable(turn, { frozenModels: models.length > 0 ? { ...others, [release]: models } : others });
  const why = frozen
    ? `${model} of ${release} fails its goldens on every instance: no repair of it (allWrong: ${turn.state.plan.allWrong})`
    : `an instance answers rightly for ${model} again`;
  const event = audit(turn, "all-wrong", null, why, { release, model, frozen });
  if (frozen)
    turn.effects.push({
      kind: "notify",
      subject: `${turn.state.plan.service}: ${model} wrong everywhere`,
      event,
    });
}

const isRightNow = ({ goldens, verdict }: Pick<Report, "goldens" | "verdict">): boolean =>
  goldens === "proven" && verdict.kind === "healthy";

const isWrong = ({ verdict, goldens }: Pick<Report, "goldens" | "verdict">): boolean =>
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
export function rollbackFor(turn: Turn, member: Member): Digest | null {
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
