import type { KeyObject } from "node:crypto";
import { type Header, openHeader, type Stanza } from "../pack/header.ts";
import type { FileKeys } from "./wrap-keys.ts";

/** The header of a pack or a manifest, by the blob's name (`packs/ab/<id>.pk`), and stanzas published beside it later. */
export type SealedFile = { name: string; header: Header; more: readonly Stanza[] };

/**
 * Gives the keys of one file to whoever may read it: by a private key that is here, or by asking one who holds it and
 * tells nobody (a collector, a KMS). Called once for each file that is opened; keeps nothing of what it opened.
 * @throws Fault not-authorised: not for this key, or not for this caller · snapshot-corrupt: for it, and does not open
 */
export type KeyOpener = { open(file: SealedFile): Promise<FileKeys> };

export const keyOpener = (privateKey: KeyObject): KeyOpener => ({
  open: async ({ header, more }) => openHeader(header, privateKey, more),
});
