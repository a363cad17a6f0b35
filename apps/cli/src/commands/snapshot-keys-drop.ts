import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import { type Recipient, readKeyAccess, recipientsFile, writeWriter } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { accessRepository, needWriter, openAccessed, placeFlags } from "../snapshot/access-repository.ts";
import { createSecretFile } from "../snapshot/create-secret-file.ts";
import { namedRecipients } from "../snapshot/named-recipients.ts";
import { noteKeyEvent } from "../snapshot/use-key.ts";

export const snapshotKeysDrop = defineCommand({
  usage: "snapshot keys drop (ID | --recipient FILE.pub) --repository PLACE",
  about:
    "Seals for one less, from now on. What was written before stays readable to it: a key that somebody had cannot be taken back, only what it opens can be forgotten, pruned and gone from every copy. Every other writer's recipients.pem is its own: drop it there too.",
  examples: [
    ["locum snapshot keys drop 1c9be2a4 -r /backup/models", "an id as keys ls shows it, or its beginning"],
    ["locum snapshot keys drop --recipient old.pub -r /backup/models", "by its public key"],
  ],
  flags: { ...placeFlags, recipient: { kind: "text", about: "public key in PEM that is dropped" } },
  positionalsMax: 1,
  async run({ flags, positionals: [id], io, out }) {
    const access = await accessRepository(flags, io);
    const writer = needWriter(access);
    const beginnings = await beginningsOf(
      flags.recipient === undefined ? undefined : resolve(io.cwd, flags.recipient),
      id,
    );
    const found = writer.recipients.filter((each) => beginnings.some((text) => idOf(each).startsWith(text)));
    const [dropped] = found;
    if (!dropped)
      throw new Fault("not-found", `${recipientsFile(writer.dir)} has no such recipient`, {
        hint: "locum snapshot keys ls shows for whom this writer seals.",
      });
    if (found.length > beginnings.length)
      throw new Fault("usage", `${found.length} recipients begin so`, { hint: "Give more of the id." });
    const recipients = writer.recipients.filter((each) => !found.includes(each));
    if (recipients.length === 0)
      throw new Fault("refused", "it is the last recipient: nobody could read what is written then", {
        hint: "Add another one first: locum snapshot keys add.",
      });
    const repository = await openAccessed(access);
    await noteKeyEvent(access, repository, {
      kind: "recipient-dropped",
      details: { recipient: idOf(dropped) },
    });
    await writeWriter({ ...writer, recipients }, { createSecretFile, writeFileAtomic });
    const { recipients: shares } = await readKeyAccess(repository);
    const { packs, manifests } = shares.get(idOf(dropped)) ?? { packs: 0, manifests: 0 };
    out.say(`dropped   ${idOf(dropped)}; sealed from now on for ${recipients.length}`);
    out.say(
      packs + manifests === 0
        ? "It opens nothing that is stored."
        : out.paint("warn", `It still opens ${manifests} snapshots' manifests and ${packs} packs, for good.`),
    );
    if (recipients.length === 1)
      out.say(out.paint("bad", "ONE RECIPIENT ONLY: who loses that private key loses every snapshot."));
    out.summary({
      repository: access.place.text,
      dropped: idOf(dropped),
      recipients: recipients.map(idOf),
      stillOpens: { packs, manifests },
    });
    return 0;
  },
});

async function beginningsOf(file: string | undefined, id: string | undefined): Promise<string[]> {
  if (file !== undefined && id === undefined)
    return (await namedRecipients([file])).map(({ recipient }) => idOf(recipient));
  if (file === undefined && id !== undefined && /^[0-9a-f]{4,64}$/i.test(id)) return [id.toLowerCase()];
  throw new Fault("usage", "expected the id of a recipient (4 hex digits or more), or --recipient FILE.pub", {
    hint: "locum snapshot keys ls has the ids.",
  });
}

const idOf = ({ id }: Recipient): string => Buffer.from(id).toString("hex");
