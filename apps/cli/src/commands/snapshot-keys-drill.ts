import { Fault } from "@locum/contracts";
import { type DrilledModel, drillKey, noteProof } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import type { Output } from "../output.ts";
import { progressLine } from "../progress-line.ts";
import { accessRepository, openAccessed, repositoryFlags } from "../snapshot/access-repository.ts";
import { sliceOf } from "../snapshot/slice-of.ts";
import { noteKeyEvent, useKey } from "../snapshot/use-key.ts";
import { visible } from "../table.ts";

export const snapshotKeysDrill = defineCommand({
  usage: "snapshot keys drill --repository PLACE --key ESCROW.key",
  about:
    "Proves that a key opens what it is kept for: the newest snapshot of each model, its manifest, and a record of every pack that it needs, decoded and compared with its name. Then escrow-proven of the model moves there, so that a collector can tell how old the last proof is. Reads about a mebibyte a pack; locum snapshot verify reads all.",
  examples: [
    ["locum snapshot keys drill -r /backup/models --key /media/safe/escrow.key", "once a quarter"],
    [
      "locum snapshot keys drill -r /backup/models --key escrow.key --slice 1/4",
      "of a large one a part; nothing moves",
    ],
  ],
  flags: {
    ...repositoryFlags,
    key: { kind: "text", required: true, about: "private key in PEM that is to be proven" },
    model: { kind: "list", about: "only these models" },
    slice: { kind: "text", about: "n/t: of t parts of the packs the nth" },
  },
  async run({ flags, io, out }) {
    const slice = sliceOf(flags.slice);
    const access = await accessRepository(flags, io);
    const repository = await openAccessed(access);
    const opener = await useKey(access, repository, { verb: "drill" });
    const show = progressLine(io, out);
    let packs = 0;
    const drilled = await drillKey(repository, {
      opener,
      slice,
      models: flags.model.length > 0 ? flags.model : undefined,
      onPack: () => show(`packs  ${++packs}`),
      signal: io.signal,
    });
    show("");
    if (drilled.length === 0)
      throw new Fault("snapshot-missing", "there is no snapshot that the key could be proven on");
    showDrilled(out, drilled);
    const good = drilled.filter(({ problems }) => problems.length === 0);
    const proven = slice.of === 1 ? good : [];
    for (const { model, snapshot, packsTried } of proven) {
      await noteKeyEvent(access, repository, {
        kind: "escrow-proven",
        details: { model, snapshot, packs: packsTried },
      });
      await noteProof(repository, {
        model,
        snapshot,
        by: `${access.who.slice(0, 150)}, key ${access.keyId?.slice(0, 16)}`,
      });
    }
    out.summary({ key: access.keyId, models: drilled, proven: proven.map(({ model }) => model) });
    if (good.length === drilled.length) {
      if (slice.of > 1) out.say("escrow-proven stays where it is: only a drill without --slice moves it");
      return 0;
    }
    const bad = drilled.filter(({ problems }) => problems.length > 0).map(({ model }) => model);
    throw new Fault("not-authorised", `the key does not open all of ${bad.join(", ")}`, {
      hint: "locum snapshot keys rotate, with a key that opens it, lets this one in; verify tells whether it is damage.",
    });
  },
  untilSignal: true,
});

function showDrilled(out: Output, drilled: readonly DrilledModel[]): void {
  for (const { model, snapshot, packs, packsTried, problems } of drilled) {
    const isGood = problems.length === 0;
    out.say(
      `${out.paint(isGood ? "good" : "bad", isGood ? "opens" : "does not open")}  ${snapshot} of ${model}: ${packsTried} of ${packs} packs tried`,
    );
    for (const { name, what } of problems) out.say(`  ${visible(name)}: ${visible(what)}`);
  }
}
