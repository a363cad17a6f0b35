import type { KeyObject } from "node:crypto";
import { Fault } from "@locum/contracts";
import { corrupt } from "../corrupt.ts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { withLaterStanzas } from "../crypto/later-stanzas.ts";
import { limits } from "../limits.ts";
import { isManifestSigned, type Manifest, openManifest } from "../manifest/open-manifest.ts";
import { type BlobStore, readBlob } from "../store/blob-store.ts";
import { manifestPath } from "./list-snapshots.ts";
import { ulidPattern } from "./ulid.ts";

/** The rest of a manifest beside its body: header, stub, signature. */
const besideBody = 1 << 20;

/**
 * What a snapshot holds. With `signer` (a public key) it must be signed by that one.
 * @throws Fault snapshot-missing · snapshot-corrupt: damaged, or not signed as asked · not-authorised: not for this key
 */
export async function readSnapshot(
  { store }: { store: BlobStore },
  id: string,
  { opener, signer }: { opener: KeyOpener; signer?: KeyObject },
): Promise<Manifest> {
  if (!ulidPattern.test(id)) throw new Fault("snapshot-missing", `there is no snapshot ${id}`);
  const bytes = await readBlob(store, manifestPath(id), limits.manifest + besideBody);
  if (signer && !isManifestSigned(bytes, id, signer))
    throw corrupt(`snapshot ${id} is not signed by the key that was asked for`);
  return openManifest(bytes, id, withLaterStanzas(store, opener));
}
