import { Fault } from "@locum/contracts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { laterStanzasPath, readLaterStanzas, withLaterStanzas } from "../crypto/later-stanzas.ts";
import type { Recipient } from "../crypto/recipient.ts";
import { encodeHeader } from "../pack/header.ts";
import { eachAtOnce } from "../restore/each-at-once.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { listSealedFiles, readSealedHeader, type SealedBlob } from "./sealed-files.ts";

/** `gone` was forgotten or pruned meanwhile; `failed` is damaged, or not for the key that opens. */
export type Rewrapped = { name: string; bytes: number } & (
  | { outcome: "rewrapped" | "already" | "gone" }
  | { outcome: "failed"; fault: Fault }
);

/** Half of what a reader looks at: a recipient that is only in older files gets a new stanza long before it is lost. */
const believedFiles = 32;
const triesMax = 20;

/**
 * Makes every pack and manifest readable to `recipients`, by stanzas beside it; the files themselves, and who can read
 * them already, stay as they are. Takes no lease: each file is one blob that is created or was there, so that a run that
 * stopped is finished by the next, two at once harm nobody, and what is stored meanwhile is for the next.
 * @throws Fault disk-full · storage-failed · refused · upstream-unreachable: of the storage, not of one file
 */
export async function rewrapKeys(
  { store }: { store: BlobStore },
  {
    opener,
    recipients,
    onFile,
    signal,
    atOnce = 4,
  }: {
    opener: KeyOpener;
    recipients: readonly Recipient[];
    onFile: (file: Rewrapped) => void;
    signal?: AbortSignal;
    atOnce?: number;
  },
): Promise<void> {
  const files = await listSealedFiles({ store });
  for (const kind of ["pack", "manifest"] as const)
    await eachAtOnce(
      files.filter((file) => file.kind === kind),
      { max: atOnce, signal },
      async (file) => {
        const { name, bytes } = file;
        onFile({ name, bytes, ...(await rewrapSafely(store, file, { opener, recipients })) });
      },
    );
}

type Wanted = { opener: KeyOpener; recipients: readonly Recipient[] };

type Outcome = { outcome: "rewrapped" | "already" | "gone" } | { outcome: "failed"; fault: Fault };

async function rewrapSafely(store: BlobStore, file: SealedBlob, wanted: Wanted): Promise<Outcome> {
  try {
    return { outcome: await rewrap(store, file, wanted) };
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    if (fault.code === "snapshot-missing") return { outcome: "gone" };
    if (["snapshot-corrupt", "not-authorised", "conflict"].includes(fault.code))
      return { outcome: "failed", fault };
    throw fault;
  }
}

async function rewrap(
  store: BlobStore,
  { later, ...file }: SealedBlob,
  { opener, recipients }: Wanted,
): Promise<"rewrapped" | "already" | "gone"> {
  const { name } = file;
  const header = await readSealedHeader(store, file);
  for (let tries = 0; tries < triesMax; tries++) {
    const listed = tries === 0 ? { listed: later } : {};
    const { stanzas, number } = await readLaterStanzas(store, {
      name,
      header,
      max: believedFiles,
      ...listed,
    });
    const there = new Set([...header.stanzas, ...stanzas].map(({ recipientId }) => hexOf(recipientId)));
    const missing = recipients.filter(({ id }) => !there.has(hexOf(id)));
    if (missing.length === 0) return "already";
    const keys = await withLaterStanzas(store, opener).open({ name, header, more: stanzas });
    const { magic, repositoryId, salt } = header;
    const bytes = encodeHeader({ magic, repositoryId, salt, recipients: missing, ...keys });
    keys.fileKey.fill(0);
    const target = laterStanzasPath(name, number + 1n);
    if (!(await store.create(target, [bytes]))) continue;
    if ((await store.size(name)) !== undefined) return "rewrapped";
    // Deleted while this was written: whoever deletes removes what lies beside a file only once.
    await store.remove(target);
    return "gone";
  }
  throw new Fault("conflict", `others write beside ${name} all the time`);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
