import { exitCodes } from "@locum/contracts";
import { collectGarbage } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { accessRepository, openAccessed, repositoryFlags } from "../snapshot/access-repository.ts";
import { bytesText } from "../snapshot/bytes-text.ts";
import { useKey } from "../snapshot/use-key.ts";
import { wholeNumber } from "../whole-number.ts";

export const snapshotPrune = defineCommand({
  usage: "snapshot prune --repository PLACE",
  about:
    "Gives back the space of what no snapshot needs, in two runs: one announces a pack, one a day later deletes it, so that no writer at work loses anything. Half empty packs are written anew where the writer's recipients are known. Needs a private key: who cannot read cannot tell what is needed.",
  examples: [
    ["locum snapshot prune -r /backup/models --key ops.key", "once a day"],
    [
      "locum snapshot prune -r /backup/models --grace-hours 1 --no-repack",
      "sooner, and nothing written anew",
    ],
  ],
  flags: {
    ...repositoryFlags,
    "grace-hours": { kind: "text", fallback: "24", about: "between announcement and deletion, 0 to 8760" },
    "no-repack": { kind: "switch", about: "leave half empty packs as they are" },
  },
  async run({ flags, io, out }) {
    const graceMs = wholeNumber("grace-hours", flags["grace-hours"], { min: 0, max: 8760 }) * 3_600_000;
    const access = await accessRepository(flags, io);
    const repository = await openAccessed(access);
    const opener = await useKey(access, repository, { verb: "prune" });
    const recipients = flags["no-repack"] ? undefined : access.writer?.recipients;
    const report = await collectGarbage(repository, {
      opener,
      holder: access.who,
      graceMs,
      ...(recipients && { recipients }),
    });
    const { deleted, announced, repacked, rescued, bytesFreed, damaged, unreadable, missingChunks } = report;
    out.say(`deleted    ${deleted.length} packs, ${bytesText(bytesFreed)}`);
    out.say(`announced  ${announced.length} packs, ${repacked.length} of them written anew`);
    if (rescued.length > 0) out.say(`kept       ${rescued.length} that are needed again`);
    for (const id of damaged)
      out.say(`${out.paint("bad", "damaged")}    pack ${id}: keeps another from deletion`);
    for (const name of unreadable) out.say(`${out.paint("bad", "unreadable")} ${name}: stays`);
    if (missingChunks > 0)
      out.say(
        out.paint("bad", `${missingChunks} needed chunks are in no pack: locum snapshot verify names them`),
      );
    out.summary({ repository: access.place.text, ...report });
    const isSound = damaged.length === 0 && unreadable.length === 0 && missingChunks === 0;
    return isSound ? exitCodes.ok : exitCodes.degraded;
  },
});
