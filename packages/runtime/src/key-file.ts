import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { Fault } from "@locum/contracts";
import { writeFileAtomic } from "./atomic-file.ts";

/**
 * The Ed25519 key of a file, made at the first start. `hint` says what it means to lose it.
 * @throws Fault config-invalid | disk-full | storage-failed
 */
export async function openKeyFile(file: string, { hint }: { hint: string }): Promise<KeyObject> {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ed25519");
    await writeFileAtomic(file, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  }
  try {
    const key = createPrivateKey(readFileSync(file));
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // Unreadable and of another kind is one fault to whoever has to mend it.
  }
  throw new Fault("config-invalid", `${file} holds no Ed25519 private key`, { hint });
}
