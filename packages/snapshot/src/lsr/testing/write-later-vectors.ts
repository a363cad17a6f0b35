import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeFs } from "../../fs.ts";
import { keyOpener } from "../crypto/key-opener.ts";
import { recipientOf } from "../crypto/recipient.ts";
import { rewrapKeys } from "../repository/rewrap-keys.ts";
import { directoryStore } from "../store/directory-store.ts";
import { seededBytes } from "./rig.ts";

/** Beside the packs and manifests that are committed: a recipient that came later, where there is none yet. */
export async function writeLaterVectors(fixtures: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("x25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  await writeFile(join(fixtures, "recipient-later.pem"), pem, { flag: "wx" });
  const opener = keyOpener(createPrivateKey(await readFile(join(fixtures, "recipient-rsa.pem"))));
  const root = join(fixtures, "repository");
  const store = directoryStore({ fs: nodeFs, root, random: seededBytes(104) });
  await rewrapKeys({ store }, { opener, recipients: [recipientOf(privateKey)], onFile() {} });
  await rm(join(root, "tmp"), { recursive: true });
}
