import { Fault } from "@locum/contracts";
import { escrowChannel, listRecipients, listRefs, type Ref, readKeyAccess } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import type { Output } from "../output.ts";
import {
  type Access,
  accessRepository,
  openAccessed,
  repositoryFlags,
} from "../snapshot/access-repository.ts";
import { spanText } from "../span-text.ts";
import { visible } from "../table.ts";

export const snapshotKeysLs = defineCommand({
  usage: "snapshot keys ls --repository PLACE",
  about:
    "Who can open how much of what is stored, for whom this machine's writer seals, and when the key in escrow was last proven. Reads headers only and needs no key; a header says for whom a file is sealed and does not prove that it opens: locum snapshot keys drill does.",
  examples: [["locum snapshot keys ls -r /backup/models", "is everybody in who should be?"]],
  flags: repositoryFlags,
  async run({ flags, io, out }) {
    const access = await accessRepository(flags, io);
    const { store, text } = access.place;
    if ((await store.size("config")) === undefined) await openAccessed(access);
    const { all, recipients, unreadable } = await readKeyAccess({ store });
    const named = new Map((await listRecipients({ store })).map((each) => [each.id, each]));
    const sealsFor = new Set(access.writer?.recipients.map(({ id }) => Buffer.from(id).toString("hex")));
    const nothing = { packs: 0, packBytes: 0, manifests: 0 };
    const rows = [...new Set([...recipients.keys(), ...sealsFor, ...named.keys()])].toSorted().map((id) => ({
      id,
      name: named.get(id)?.name ?? null,
      kind: named.get(id)?.kind ?? null,
      sealedFromNow: sealsFor.has(id),
      ...(recipients.get(id) ?? nothing),
    }));
    out.table(
      ["recipient", "name", "kind", "packs", "snapshots", "sealed for by this writer"],
      rows.map(({ id, name, kind, packs, manifests, sealedFromNow }) => [
        id.slice(0, 16),
        name ?? "?",
        kind ?? "?",
        share(packs, all.packs),
        share(manifests, all.manifests),
        access.writer ? (sealedFromNow ? "yes" : { text: "no", colour: "warn" }) : "-",
      ]),
    );
    for (const { name, fault } of unreadable)
      out.say(out.paint("bad", `damaged: ${visible(name)}: ${visible(fault.message)}`));
    const proofs = await proofsOf(access);
    showProofs(out, proofs, access.io.clock.wallMs());
    for (const row of rows) out.event({ ...row, kind: "recipient", recipientKind: row.kind });
    out.summary({
      repository: text,
      ...all,
      recipients: rows.length,
      unreadable: unreadable.map(({ name }) => name),
      escrow: proofs?.map(({ model, snapshot, at, by }) => ({ model, snapshot, at, by })) ?? null,
    });
    return 0;
  },
});

/** Undefined where no key shows which are genuine. */
async function proofsOf(access: Access): Promise<Ref[] | undefined> {
  try {
    const refs = await listRefs(await openAccessed(access));
    return refs.filter(({ channel, snapshot }) => channel === escrowChannel && snapshot !== null);
  } catch (error) {
    if (error instanceof Fault && error.code === "not-authorised") return undefined;
    throw error;
  }
}

function showProofs(out: Output, proofs: readonly Ref[] | undefined, nowMs: number): void {
  if (proofs === undefined) return;
  if (proofs.length === 0)
    out.say("The key in escrow was never proven: locum snapshot keys drill --key FILE does it.");
  for (const { model, snapshot, at, by } of proofs)
    out.say(
      `escrow proven for ${model} ${spanText(nowMs - Date.parse(at))} ago, on ${snapshot}, by ${visible(by)}`,
    );
}

const share = (count: number, all: number) =>
  count === all ? `${count} of ${all}` : ({ text: `${count} of ${all}`, colour: "warn" } as const);
