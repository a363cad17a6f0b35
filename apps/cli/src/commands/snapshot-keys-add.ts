import { resolve } from "node:path";
import { exitCodes, Fault } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import {
  onlyOnce,
  publishRecipient,
  type Recipient,
  recipientsFile,
  writeWriter,
} from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { accessRepository, openAccessed, repositoryFlags } from "../snapshot/access-repository.ts";
import { createSecretFile } from "../snapshot/create-secret-file.ts";
import { namedRecipients } from "../snapshot/named-recipients.ts";
import { rewrapAll } from "../snapshot/rewrap-all.ts";
import { noteKeyEvent } from "../snapshot/use-key.ts";

export const snapshotKeysAdd = defineCommand({
  usage: "snapshot keys add --repository PLACE --recipient FILE.pub --key FILE",
  about:
    "Lets one more read: snapshots are sealed for it from now on, and what is stored becomes readable to it. Writes the keys of packs and manifests anew, not their data. Every other writer's recipients.pem is its own: change it there too, then rotate.",
  examples: [
    ["locum snapshot keys add -r /backup/models --recipient new.pub --key ops.key", "old snapshots too"],
    [
      "locum snapshot keys add -r /backup/models --recipient new.pub --new-only",
      "what is written from now on",
    ],
  ],
  flags: {
    ...repositoryFlags,
    recipient: { kind: "list", about: "public key in PEM that reads: X25519, or RSA of 3072 bits or more" },
    "new-only": { kind: "switch", about: "leave what is stored as it is; needs no private key" },
  },
  async run({ flags, io, out }) {
    const named = await namedRecipients(flags.recipient.map((file) => resolve(io.cwd, file)));
    if (named.length === 0) throw new Fault("usage", "expected --recipient FILE.pub");
    const access = await accessRepository(flags, io);
    const repository = await openAccessed(access);
    const added = named.map(({ recipient }) => recipient);
    const { writer } = access;
    const recipients = onlyOnce([...(writer?.recipients ?? []), ...added]);
    for (const { recipient, name } of named) {
      const id = idOf(recipient);
      await noteKeyEvent(access, repository, { kind: "recipient-added", details: { recipient: id, name } });
      await publishRecipient(repository, { recipient, name });
    }
    if (writer) await writeWriter({ ...writer, recipients }, { createSecretFile, writeFileAtomic });
    out.say(
      writer
        ? `sealed from now on for ${recipients.length}: ${recipientsFile(writer.dir)}`
        : "No writer's folder is here: add the key to recipients.pem of every writer.",
    );
    const counts = flags["new-only"] ? null : await rewrapAll(access, repository, { recipients, io, out });
    out.summary({
      repository: access.place.text,
      added: added.map(idOf),
      recipients: recipients.map(idOf),
      rewrapped: counts,
    });
    return counts && counts.failed > 0 ? exitCodes.degraded : exitCodes.ok;
  },
  untilSignal: true,
});

const idOf = ({ id }: Recipient): string => Buffer.from(id).toString("hex");
