import { Fault } from "@locum/contracts";
import {
  type CheckReport,
  checkRepository,
  type ListedSnapshot,
  listSnapshots,
  moveRef,
  type Repository,
  readRef,
} from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import type { Output } from "../output.ts";
import { type Access, accessRepository, openAccessed } from "../snapshot/access-repository.ts";
import { bytesText } from "../snapshot/bytes-text.ts";
import { drillService } from "../snapshot/drill-service.ts";
import { eitherFlags, needPlace } from "../snapshot/either-flags.ts";
import { sliceOf } from "../snapshot/slice-of.ts";
import { useKeyIfAny } from "../snapshot/use-key.ts";
import { visible } from "../table.ts";

/** No pack is in this part: only names, manifests, channels and the index are looked at. */
const noPack = { at: 1, of: 1 };

export const snapshotVerify = defineCommand({
  usage: "snapshot verify (--repository PLACE | --service NAME)",
  about:
    "Looks at everything that is stored and names each damaged file. Without --read-data: manifests, channels, index, and whether every chunk has a place. With it also every pack: against its name, and with a private key every record decoded. After a whole look without damage, last-verified of each model moves to its newest whole snapshot. With --service the collector restores the newest one to nowhere, and this waits for how it went.",
  examples: [
    ["locum snapshot verify -r /backup/models", "quick"],
    ["locum snapshot verify -r /backup/models --key ops.key --read-data", "all of it; moves last-verified"],
    [
      "locum snapshot verify -r /backup/models --read-data --slice 3/7",
      "a seventh a day reads all in a week",
    ],
    ["locum snapshot verify --service digits", "a drill now, by the collector"],
  ],
  flags: {
    ...eitherFlags,
    "read-data": { kind: "switch", about: "read the packs too" },
    slice: { kind: "text", about: "n/t: of t parts of the packs the nth, with --read-data" },
  },
  async run({ flags, io, out }) {
    if (flags.service !== undefined) return drillService({ ...flags, service: flags.service }, { io, out });
    const slice = sliceOf(flags.slice);
    if (flags.slice !== undefined && !flags["read-data"])
      throw new Fault("usage", "--slice: a part of the packs is read with --read-data only");
    const access = await accessRepository({ ...flags, repository: needPlace(flags) }, io);
    const repository = await openAccessed(access);
    // Before the check: what comes later was not looked at.
    const { snapshots } = await listSnapshots(repository);
    const opener = await useKeyIfAny(access, repository, { verb: "verify" });
    const report = await checkRepository(repository, {
      slice: flags["read-data"] ? slice : noPack,
      ...(opener && { opener }),
    });
    showReport(out, report);
    const whyNot = notProven(report, { access, isWhole: flags["read-data"] && slice.of === 1 });
    const verified =
      whyNot === undefined ? await markVerified(repository, { snapshots, report, by: access.who }) : [];
    if (whyNot !== undefined) out.say(`last-verified stays where it is: ${whyNot}`);
    for (const { model, id } of verified) out.say(`last-verified of ${model} is ${id}`);
    out.summary({ repository: access.place.text, ...report, verified, notVerified: whyNot ?? null });
    const [first, ...more] = report.damage;
    if (!first) return 0;
    throw new Fault(
      "snapshot-corrupt",
      `${first.name}: ${first.what}${more.length > 0 ? `; and ${more.length} more` : ""}`,
      { hint: "Keep the repository as it is; what is named above is damaged, all else can be restored." },
    );
  },
});

function showReport(out: Output, { damage, lost, coverage }: CheckReport): void {
  for (const { name, what } of damage) {
    out.say(`${out.paint("bad", "damaged")}  ${visible(name)}: ${visible(what)}`);
    out.event({ kind: "damage", name, what });
  }
  for (const id of lost) out.say(`${out.paint("bad", "lost")}     snapshot ${id} cannot be restored whole`);
  const { packs, packsRead, bytesRead, records, recordsDecoded, snapshotsOpened } = coverage;
  const seen = `${packsRead} of ${packs} packs read (${bytesText(bytesRead)}), ${recordsDecoded} of ${records} records decoded, ${snapshotsOpened} of ${coverage.snapshots} snapshots opened`;
  out.say(`${damage.length === 0 ? out.paint("good", "sound") : "looked at"}  ${seen}`);
}

/** Why this look proves no snapshot, if it does not. */
function notProven(
  { damage, coverage }: CheckReport,
  { access: { opener }, isWhole }: { access: Access; isWhole: boolean },
): string | undefined {
  if (!opener) return "without a private key nothing was decoded";
  if (!isWhole) return "only --read-data without --slice looks at everything";
  if (damage.length > 0) return "something is damaged";
  if (coverage.recordsDecoded < coverage.records || coverage.snapshotsOpened < coverage.snapshots)
    return "this key does not open everything";
  return undefined;
}

/** The newest whole one of each model; never back from a newer one, and a lost race is another's success. */
async function markVerified(
  repository: Repository,
  { snapshots, report, by }: { snapshots: readonly ListedSnapshot[]; report: CheckReport; by: string },
): Promise<{ model: string; id: string }[]> {
  const marked: { model: string; id: string }[] = [];
  const good = snapshots.filter(({ id, stub }) => !stub.torn && !report.lost.includes(id));
  for (const [model, ofModel] of Map.groupBy(good, ({ stub }) => stub.model)) {
    const id = ofModel.at(-1)?.id;
    const name = { model, channel: "last-verified" };
    const current = (await readRef(repository, name))?.snapshot ?? null;
    if (id === undefined) continue;
    if (current !== null && current >= id) marked.push({ model, id: current });
    else {
      await moveRef(repository, name, { snapshot: id, by, expected: current });
      marked.push({ model, id });
    }
  }
  return marked;
}
