import { createPublicKey } from "node:crypto";
import { Fault } from "@locum/contracts";
import { z } from "zod";
import { type Recipient, recipientOf } from "../crypto/recipient.ts";
import { limits } from "../limits.ts";
import { readBlob } from "../store/blob-store.ts";
import type { Repository } from "./repository.ts";

export type ListedRecipient = { id: string; kind: Recipient["kind"]; name: string; addedAt: string };

const shape = z.object({ spki: z.base64(), name: z.string().max(200), addedAt: z.string().max(40) });

/** For people: who reads this repository. Nobody seals for whom this folder names, or its writers would choose readers. */
export async function publishRecipient(
  { store, wallMs }: Repository,
  { recipient, name }: { recipient: Recipient; name: string },
): Promise<void> {
  const id = Buffer.from(recipient.id).toString("hex");
  const spki = recipient.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const addedAt = new Date(wallMs()).toISOString();
  const json = { id, kind: recipient.kind, spki, name, addedAt };
  await store.create(`keys/${id}.json`, [Buffer.from(JSON.stringify(json))]);
}

/** Those whose file is what its name says; anything else in the folder is passed over. */
export async function listRecipients({ store }: Pick<Repository, "store">): Promise<ListedRecipient[]> {
  const found: ListedRecipient[] = [];
  for await (const { name: path } of store.list("keys/")) {
    try {
      const text = Buffer.from(await readBlob(store, path, limits.macLine)).toString("utf8");
      const { spki, name, addedAt } = shape.parse(JSON.parse(text));
      const key = createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" });
      const { id: digest, kind } = recipientOf(key);
      const id = Buffer.from(digest).toString("hex");
      if (path === `keys/${id}.json`) found.push({ id, kind, name, addedAt });
    } catch (error) {
      if (error instanceof Fault && ["storage-failed", "upstream-unreachable"].includes(error.code))
        throw error;
    }
  }
  return found.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
