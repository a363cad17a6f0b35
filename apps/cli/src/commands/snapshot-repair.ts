import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { type HealedPack, healPacks } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import type { Output } from "../output.ts";
import { progressLine } from "../progress-line.ts";
import { accessRepository, openAccessed, repositoryFlags } from "../snapshot/access-repository.ts";
import { folderSources } from "../snapshot/folder-sources.ts";
import { useKeyIfAny } from "../snapshot/use-key.ts";
import { visible } from "../table.ts";

export const snapshotRepair = defineCommand({
  usage: "snapshot repair --repository PLACE",
  about:
    "Reads every pack and makes damaged ones whole: byte for byte from the parity beside them, else by saving each chunk from what is left, from other packs, and from folders that hold the same files. Makes parity where it is missing. Parity needs no private key; saving chunks does. What cannot be saved stays as it is.",
  examples: [
    ["locum snapshot repair -r /backup/models", "after verify named damage"],
    [
      "locum snapshot repair -r /backup/models --key ops.key --from /srv/models/digits",
      "with the live files' help",
    ],
  ],
  flags: {
    ...repositoryFlags,
    from: { kind: "list", about: "folder that may hold files of snapshots: each chunk is compared" },
  },
  async run({ flags, io, out }) {
    const access = await accessRepository(flags, io);
    const repository = await openAccessed(access);
    const show = progressLine(io, out);
    const counts = { intact: 0, repaired: 0, replaced: 0, failed: 0 };
    const lost: string[] = [];
    let [parities, packs] = [0, 0];
    const folders = flags.from.map((folder) => resolve(io.cwd, folder));
    const healing = healPacks(repository, {
      holder: access.who,
      opener: await useKeyIfAny(access, repository, { verb: "repair" }),
      recipients: access.writer?.recipients ?? [],
      sources: await folderSources(repository, { opener: access.opener, folders }),
      signal: io.signal,
    });
    for await (const healed of healing) {
      show(`packs      ${++packs}`);
      counts[healed.kind]++;
      if ("parity" in healed && healed.parity) parities++;
      if (healed.kind === "replaced") lost.push(...healed.lost, ...healed.held);
      if (healed.kind !== "intact") showHealed(out, healed);
    }
    show("");
    out.say(
      `${packs} packs: ${counts.intact} whole, ${counts.repaired} made whole, ${counts.replaced} with their chunks saved, ${counts.failed} beyond help; parity made for ${parities}`,
    );
    out.summary({ repository: access.place.text, packs, ...counts, parities, lostChunks: lost.length });
    if (counts.failed === 0 && lost.length === 0) return 0;
    throw new Fault(
      "snapshot-corrupt",
      `${counts.failed} packs and ${lost.length} chunks could not be saved`,
      {
        hint: "Nothing that was readable is gone. Try --key and --from with live files, or take a new snapshot: it stores what is missing.",
      },
    );
  },
  untilSignal: true,
});

function showHealed(out: Output, healed: HealedPack): void {
  const name = visible(healed.name);
  if (healed.kind === "repaired") out.say(`${out.paint("good", "repaired")}  ${name}, byte for byte`);
  else if (healed.kind === "replaced") {
    const { saved, lost, held } = healed;
    const what = `${saved} chunks saved, ${lost.length} lost, ${held.length} not for this key`;
    out.say(`${out.paint("warn", "replaced")}  ${name}: ${what}`);
  } else if (healed.kind === "failed")
    out.say(`${out.paint("bad", "failed")}    ${name}: ${visible(healed.fault.message)}`);
  const { name: pack, kind } = healed;
  out.event({ kind: "pack", pack, outcome: kind });
}
