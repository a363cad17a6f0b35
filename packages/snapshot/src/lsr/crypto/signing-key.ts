import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { stat } from "node:fs/promises";
import { Fault } from "@locum/contracts";
import type { KeyFilePorts } from "./key-files.ts";

type Ports = Pick<KeyFilePorts, "readTextFile">;

/** The key that signs manifests. Kubernetes mounts secrets for a group. @throws Fault config-unreadable · config-invalid */
export async function readSigner(
  file: string,
  { readTextFile }: Ports,
  { groupMayRead = false }: { groupMayRead?: boolean } = {},
): Promise<KeyObject> {
  const key = keyOf(await readTextFile(file), file, createPrivateKey);
  const { mode } = await stat(file);
  if (process.platform !== "win32" && (mode & (groupMayRead ? 0o007 : 0o077)) !== 0)
    throw new Fault("config-invalid", `${file} can be read by others (mode ${(mode & 0o777).toString(8)})`, {
      hint: `Run chmod 600 ${file}; if others may have read it, sign with a new one.`,
    });
  return key;
}

/** The key by which a manifest must be signed. @throws Fault config-unreadable · config-invalid */
export async function readSignerPublic(file: string, { readTextFile }: Ports): Promise<KeyObject> {
  return keyOf(await readTextFile(file), file, createPublicKey);
}

function keyOf(pem: string, file: string, read: (pem: string) => KeyObject): KeyObject {
  try {
    const key = read(pem);
    if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
  } catch {
    // Unreadable and of another kind is one fault to whoever has to mend it.
  }
  throw new Fault("config-invalid", `${file} holds no EC P-256 key in PEM`, {
    hint: "openssl ecparam -name prime256v1 -genkey -noout makes one.",
  });
}
