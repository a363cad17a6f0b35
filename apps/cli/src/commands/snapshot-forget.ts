import { Fault } from "@locum/contracts";
import {
  forget,
  planForget,
  type Repository,
  type RetentionPlan,
  type RetentionPolicy,
  retentionPolicy,
} from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import {
  type Access,
  accessRepository,
  openAccessed,
  repositoryFlags,
} from "../snapshot/access-repository.ts";
import { findSnapshot } from "../snapshot/find-snapshot.ts";
import { wholeNumber } from "../whole-number.ts";

const keepFlags = {
  "keep-last": { kind: "text", about: "the newest N of each model (5)" },
  "keep-hourly": { kind: "text", about: "one of each of the newest N hours that have any (24)" },
  "keep-daily": { kind: "text", about: "the same of days (7)" },
  "keep-weekly": { kind: "text", about: "the same of weeks (5)" },
  "keep-monthly": { kind: "text", about: "the same of months (12)" },
  "keep-within": { kind: "text", about: "all that were stored within N hours (1)" },
} as const;
const keepNames = Object.keys(keepFlags) as (keyof typeof keepFlags)[];

export const snapshotForget = defineCommand({
  usage: "snapshot forget --repository PLACE",
  about:
    "Forgets snapshots that no rule keeps, or those that are named. What a channel points to stays: latest, last-verified, served, pins; so do the newest and the last verified one of each model. Their space comes back by prune. A rule that is not named keeps its value in brackets.",
  examples: [
    [
      "locum snapshot forget -r /backup/models --keep-daily 14 --dry-run",
      "what would go, and why the rest stays",
    ],
    ["locum snapshot forget -r /backup/models --keep-daily 14", "the same, done"],
    ["locum snapshot forget 01KB... -r /backup/models", "one, by its id"],
  ],
  flags: {
    ...repositoryFlags,
    ...keepFlags,
    "dry-run": { kind: "switch", about: "say what would be forgotten, and forget nothing" },
  },
  positionalsMax: 100,
  async run({ flags, positionals, io, out }) {
    const given = keepNames.filter((name) => flags[name] !== undefined);
    if (positionals.length > 0 === given.length > 0)
      throw new Fault("usage", "expected either rules (--keep-...) or ids of snapshots", {
        hint: "locum snapshot forget --help has examples; --dry-run changes nothing.",
      });
    const policy = policyOf(flags);
    const access = await accessRepository(flags, io);
    const repository = await openAccessed(access);
    const plan =
      positionals.length > 0
        ? await planNamed(access, positionals)
        : await planForget(repository, { policy });
    out.table(
      ["", "snapshot", "why"],
      [
        ...plan.keep.map(({ id, reasons }) => ["keep", id, reasons.join(", ")]),
        ...plan.forget.map((id) => [{ text: "forget", colour: "warn" as const }, id, ""]),
      ],
    );
    for (const id of plan.implausible) out.say(`${id}: its capture time cannot be true; it counts as stored`);
    if (!flags["dry-run"]) await forgetAll(repository, plan);
    const count = plan.forget.length;
    out.say(
      flags["dry-run"]
        ? `${count} would be forgotten; nothing was`
        : `${count} forgotten; locum snapshot prune gives their space back`,
    );
    out.summary({ ...plan, dryRun: flags["dry-run"], policy: positionals.length > 0 ? null : policy });
    return 0;
  },
});

async function forgetAll(repository: Repository, { forget: ids }: RetentionPlan): Promise<void> {
  if (ids.length > 0) await forget(repository, ids);
}

async function planNamed(access: Access, texts: readonly string[]): Promise<RetentionPlan> {
  const ids: string[] = [];
  for (const text of texts) ids.push((await findSnapshot(access, text)).id);
  return { keep: [], forget: [...new Set(ids)], implausible: [] };
}

function policyOf(flags: Record<keyof typeof keepFlags, string | undefined>): RetentionPolicy {
  const hourMs = 3_600_000;
  const numbers: Record<string, number> = {};
  for (const name of keepNames) {
    const text = flags[name];
    if (text === undefined) continue;
    const min = name === "keep-last" ? 1 : 0;
    const value = wholeNumber(name, text, { min, max: 100_000 });
    if (name === "keep-within") numbers.withinMs = value * hourMs;
    else numbers[name.slice("keep-".length)] = value;
  }
  return retentionPolicy.parse(numbers);
}
