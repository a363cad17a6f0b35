import { Fault } from "@locum/contracts";
import { readLaterStanzas } from "../crypto/later-stanzas.ts";
import { eachAtOnce } from "../restore/each-at-once.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { listSealedFiles, readSealedHeader } from "./sealed-files.ts";

type Share = { packs: number; packBytes: number; manifests: number };

export type KeyAccess = {
  all: Share;
  /** By the recipient's id in hex. */
  recipients: Map<string, Share>;
  /** Files of whose recipients nothing is known. */
  unreadable: { name: string; fault: Fault }[];
};

const nothing = { packs: 0, packBytes: 0, manifests: 0 };

/**
 * For whom packs and manifests say that they are sealed. Needs no key and proves nothing: a stanza may be there and not
 * open, which the drill of a key shows.
 */
export async function readKeyAccess(
  { store }: { store: BlobStore },
  { atOnce = 8 }: { atOnce?: number } = {},
): Promise<KeyAccess> {
  const access: KeyAccess = { all: { ...nothing }, recipients: new Map(), unreadable: [] };
  await eachAtOnce(await listSealedFiles({ store }), { max: atOnce }, async (file) => {
    try {
      const header = await readSealedHeader(store, file);
      const { stanzas } = await readLaterStanzas(store, { name: file.name, header, listed: file.later });
      const ids = new Set([...header.stanzas, ...stanzas].map(({ recipientId }) => hexOf(recipientId)));
      count(access.all, file);
      for (const id of ids) {
        const share = access.recipients.get(id) ?? { ...nothing };
        count(share, file);
        access.recipients.set(id, share);
      }
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      // Forgotten or pruned since it was listed.
      if (fault.code === "snapshot-missing") return;
      if (fault.code !== "snapshot-corrupt") throw fault;
      access.unreadable.push({ name: file.name, fault });
    }
  });
  return access;
}

function count(share: Share, { kind, bytes }: { kind: "pack" | "manifest"; bytes: number }): void {
  if (kind === "manifest") share.manifests++;
  else {
    share.packs++;
    share.packBytes += bytes;
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
