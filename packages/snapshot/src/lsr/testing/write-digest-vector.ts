import { createPrivateKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeFs } from "../../fs.ts";
import { keyOpener } from "../crypto/key-opener.ts";
import { digestOf } from "../crypto/keyed-hash.ts";
import { recipientOf } from "../crypto/recipient.ts";
import { chunkRefs, type ManifestBody } from "../manifest/manifest-body.ts";
import { openManifest } from "../manifest/open-manifest.ts";
import { sealManifest } from "../manifest/seal-manifest.ts";
import { openPacks } from "../pack/open-packs.ts";
import { directoryStore } from "../store/directory-store.ts";
import { referenceHash as hash } from "./blake3-reference.ts";
import { seededBytes } from "./rig.ts";
import { repositoryId, second } from "./write-vectors.ts";

export const third = "01JD0000000000000000000003";

/** What the second snapshot of the committed repository has, with BLAKE3 in the place of SHA-256, and unsigned. */
export async function writeDigestVector(fixtures: string): Promise<void> {
  const key = async (name: string) => createPrivateKey(await readFile(join(fixtures, name)));
  const own = await key("recipient-x25519.pem");
  const opener = keyOpener(own);
  const root = join(fixtures, "repository");
  const random = seededBytes(105);
  const store = directoryStore({ fs: nodeFs, root, random });
  const packs = await openPacks({ store, opener, hash });
  const older = await openManifest(await readFile(join(root, "snaps", `${second}.sn`)), second, opener);
  const files: ManifestBody["files"] = [];
  for (const entry of older.body.files) {
    if (entry.kind !== "file") {
      files.push(entry);
      continue;
    }
    const chunks: Uint8Array[] = [];
    for (const { chunkId } of chunkRefs(entry)) chunks.push(await packs.read(chunkId));
    const { sha256: _, ...rest } = entry;
    files.push({ ...rest, blake3: Buffer.from(digestOf(hash, chunks)).toString("hex") });
  }
  const { model, capturedAt } = older.stub;
  const bytes = sealManifest(
    {
      stub: { id: third, model, capturedAt, parent: second, torn: false },
      body: { ...older.body, files, bundle: null },
    },
    { repositoryId, idKey: older.idKey, recipients: [recipientOf(own)], random },
  );
  await writeFile(join(fixtures, `${third}.sn`), bytes, { flag: "wx" });
}
