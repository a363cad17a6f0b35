import { Fault } from "@locum/contracts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { withLaterStanzas } from "../crypto/later-stanzas.ts";
import type { FileKeys } from "../crypto/wrap-keys.ts";
import { limits } from "../limits.ts";
import { parseHeader } from "../pack/header.ts";
import type { BlobStore } from "../store/blob-store.ts";

/**
 * The keys of one pack or manifest, from its header as it is stored: for who reads on behalf of another.
 * @throws Fault snapshot-missing · snapshot-corrupt · not-authorised
 */
export async function openFileKeys(
  { store }: { store: BlobStore },
  { name, opener }: { name: string; opener: KeyOpener },
): Promise<FileKeys> {
  const bytes = await store.size(name);
  if (bytes === undefined) throw new Fault("snapshot-missing", `${name} is not in the repository`);
  const start = await store.read(name, 0, Math.min(bytes, limits.header));
  const header = parseHeader(start, name.endsWith(".sn") ? "LSRM" : "LSRP");
  return withLaterStanzas(store, opener).open({ name, header, more: [] });
}
