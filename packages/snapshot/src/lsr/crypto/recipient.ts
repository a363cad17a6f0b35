import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { Fault } from "@locum/contracts";

/** Someone for whom files are sealed: a public key and its id. */
export type Recipient = { kind: "x25519" | "rsa-oaep"; id: Uint8Array; publicKey: KeyObject };

const modulusBitsMin = 3072;

/** @throws Fault config-invalid: neither X25519 nor RSA of 3072 bits or more */
export function recipientOf(key: KeyObject): Recipient {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const id = spkiDigest(publicKey);
  if (publicKey.asymmetricKeyType === "x25519") return { kind: "x25519", id, publicKey };
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (publicKey.asymmetricKeyType === "rsa" && bits >= modulusBitsMin)
    return { kind: "rsa-oaep", id, publicKey };
  throw new Fault(
    "config-invalid",
    `a recipient must be an X25519 key or an RSA key of at least ${modulusBitsMin} bits, found ${publicKey.asymmetricKeyType} ${bits || ""}`.trim(),
  );
}

/** SHA-256 of the SubjectPublicKeyInfo: how LSR/1 names a public key. */
export const spkiDigest = (publicKey: KeyObject): Uint8Array =>
  createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();
