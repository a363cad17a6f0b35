import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import {
  createRepository,
  idKeyFile,
  openRepository,
  publishRecipient,
  type Recipient,
  type Repository,
  recipientsFile,
  writeWriter,
} from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import type { Output } from "../output.ts";
import {
  type Access,
  accessRepository,
  openAccessed,
  repositoryDeps,
  repositoryFlags,
} from "../snapshot/access-repository.ts";
import { createSecretFile } from "../snapshot/create-secret-file.ts";
import { namedRecipients } from "../snapshot/named-recipients.ts";
import { ensureOwnKey, ownKeyFile } from "../snapshot/private-key.ts";
import { refuseBeside } from "../snapshot/refuse-beside.ts";
import { noteKeyEvent } from "../snapshot/use-key.ts";

export const snapshotInit = defineCommand({
  usage: "snapshot init --repository PLACE --recipient FILE.pub",
  about:
    "Makes a repository of encrypted snapshots, or joins one that is there, and writes what a writer needs into a folder of its own: the id key, and whom it seals for. A writer cannot read what it wrote. Name two recipients: one that operates, one in escrow.",
  examples: [
    [
      "locum snapshot init -r /backup/models --make-key --recipient escrow.pub",
      "an own key, and one in a safe",
    ],
    [
      "locum snapshot init -r /backup/models --recipient ops.pub --recipient escrow.pub",
      "keys made elsewhere",
    ],
    ["locum snapshot init -r 's3://models/locum?region=eu-central-1' --recipient ops.pub", "in a bucket"],
    [
      "locum snapshot init -r /backup/models --key ops.key --recipient ops.pub",
      "a second writer, by a key that reads",
    ],
  ],
  flags: {
    ...repositoryFlags,
    recipient: { kind: "list", about: "public key in PEM that reads: X25519, or RSA of 3072 bits or more" },
    "make-key": { kind: "switch", about: "make an X25519 pair in your own folder, and seal for it too" },
  },
  async run({ flags, io, out }) {
    const access = await accessRepository(flags, io);
    const files = flags.recipient.map((file) => resolve(io.cwd, file));
    await refuseBeside(
      access.place,
      [access.writerDir, ownKeyFile(io), ...(flags.key ? [flags.key] : [])],
      io,
    );
    const own = flags["make-key"] ? await ensureOwnKey(ownKeyFile(io)) : undefined;
    const named = await namedRecipients([...(own ? [own.publicFile] : []), ...files]);
    const recipients = named.length > 0 ? named.map(({ recipient }) => recipient) : access.writer?.recipients;
    if (!recipients || recipients.length === 0)
      throw new Fault(
        "usage",
        "expected --recipient FILE.pub or --make-key: nobody could read the snapshots",
        {
          hint: "openssl genpkey -algorithm X25519 -out ops.key; openssl pkey -in ops.key -pubout -out ops.pub",
        },
      );
    const isNew = (await access.place.store.size("config")) === undefined;
    const { repository, made } = await join(access, { isNew, recipients });
    for (const { recipient, name } of named) await publishRecipient(repository, { recipient, name });
    await noteChanges(access, repository, { before: access.writer?.recipients ?? [], after: recipients });
    report(out, access, { isNew, made, recipients, own });
    return 0;
  },
});

/** The id key is durable before anything is named with it: without it what was written could not be added to. */
async function join(
  access: Access,
  { isNew, recipients }: { isNew: boolean; recipients: Recipient[] },
): Promise<{ repository: Repository; made: boolean }> {
  const { writer, writerDir: dir } = access;
  const idKey = writer?.idKey ?? (isNew ? randomBytes(32) : (await openAccessed(access)).idKey);
  if (!isNew) await openRepository(repositoryDeps(access, idKey));
  const { made } = await writeWriter({ dir, idKey, recipients }, { createSecretFile, writeFileAtomic });
  return { repository: await createRepository(repositoryDeps(access, idKey)), made };
}

/** Whom this writer seals for, from now on, as far as it is not what it was. */
async function noteChanges(
  access: Access,
  repository: Repository,
  { before, after }: { before: readonly Recipient[]; after: readonly Recipient[] },
): Promise<void> {
  const idsOf = (recipients: readonly Recipient[]) =>
    new Set(recipients.map(({ id }) => Buffer.from(id).toString("hex")));
  const [old, now] = [idsOf(before), idsOf(after)];
  const changes = [
    ...[...now].filter((id) => !old.has(id)).map((recipient) => ({ kind: "recipient-added", recipient })),
    ...[...old].filter((id) => !now.has(id)).map((recipient) => ({ kind: "recipient-dropped", recipient })),
  ];
  for (const { kind, recipient } of changes)
    await noteKeyEvent(access, repository, { kind, details: { recipient } });
}

function report(
  out: Output,
  { place, writerDir }: Access,
  {
    isNew,
    made,
    recipients,
    own,
  }: {
    isNew: boolean;
    made: boolean;
    recipients: readonly Recipient[];
    own: Awaited<ReturnType<typeof ensureOwnKey>> | undefined;
  },
): void {
  const ids = recipients.map(({ kind, id }) => ({ kind, id: Buffer.from(id).toString("hex") }));
  out.say(`${out.paint("good", isNew ? "made" : "joined")}  ${place.text}`);
  out.say(`id key       ${idKeyFile(writerDir)}${made ? "" : " (was there)"}`);
  out.say(`recipients   ${recipientsFile(writerDir)}`);
  for (const { kind, id } of ids) out.say(`             ${kind} ${id.slice(0, 16)}`);
  if (own)
    out.say(`private key  ${own.file}${own.made ? " (new: keep a copy off this machine)" : " (was there)"}`);
  const isAlone = recipients.length < 2;
  if (isAlone) {
    out.say("");
    out.say(out.paint("bad", "ONE RECIPIENT ONLY: who loses that private key loses every snapshot."));
    out.say("Make a second pair, keep its private half in a safe, and run this again with both --recipient.");
  }
  out.summary({
    repository: place.text,
    isNew,
    idKeyFile: idKeyFile(writerDir),
    recipientsFile: recipientsFile(writerDir),
    recipients: ids,
    privateKeyFile: own?.file ?? null,
    warnings: isAlone ? ["one-recipient"] : [],
  });
}
