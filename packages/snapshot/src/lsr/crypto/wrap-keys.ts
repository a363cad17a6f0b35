import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from "node:crypto";
import { corrupt } from "../corrupt.ts";
import { deriveKey } from "./derive-key.ts";
import type { Recipient } from "./recipient.ts";
import { wipe } from "./wipe.ts";

/** What every file carries for each of its readers. */
export type FileKeys = { fileKey: Uint8Array; idKey: Uint8Array };

/** The DER of an X25519 public key is this and the 32 bytes. */
const x25519Prefix = Buffer.from("302a300506032b656e032100", "hex");
const nonce = new Uint8Array(12);
const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };

/** Both keys for one recipient. `context` is magic || repository id || salt of the file. */
export function wrapKeys(
  { fileKey, idKey }: FileKeys,
  recipient: Recipient,
  context: Uint8Array,
): Uint8Array {
  const keys = Buffer.concat([fileKey, idKey]);
  try {
    return recipient.kind === "rsa-oaep"
      ? publicEncrypt({ key: recipient.publicKey, ...oaep }, keys)
      : wrapX25519(keys, recipient, context);
  } finally {
    wipe(keys);
  }
}

function wrapX25519(keys: Uint8Array, recipient: Recipient, context: Uint8Array): Uint8Array {
  const ephemeral = generateKeyPairSync("x25519");
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient.publicKey });
  const ephemeralRaw = rawPublic(ephemeral.publicKey);
  const salt = Buffer.concat([ephemeralRaw, rawPublic(recipient.publicKey)]);
  const key = deriveKey(shared, salt, "lsr1 x25519");
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  wipe(shared, key);
  cipher.setAAD(context);
  return Buffer.concat([ephemeralRaw, cipher.update(keys), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Fault snapshot-corrupt: not wrapped for this key or changed; the header's commitment is still to compare */
export function unwrapKeys(wrapped: Uint8Array, privateKey: KeyObject, context: Uint8Array): FileKeys {
  try {
    const keys =
      privateKey.asymmetricKeyType === "rsa"
        ? privateDecrypt({ key: privateKey, ...oaep }, wrapped)
        : openX25519(wrapped, privateKey, context);
    if (keys.length !== 64) throw new RangeError(`${keys.length} bytes of keys, expected 64`);
    return { fileKey: keys.subarray(0, 32), idKey: keys.subarray(32) };
  } catch (error) {
    throw corrupt("the file's keys do not open with this private key", error);
  }
}

function openX25519(wrapped: Uint8Array, privateKey: KeyObject, context: Uint8Array): Uint8Array {
  const ephemeralRaw = wrapped.subarray(0, 32);
  const publicKey = createPublicKey({
    key: Buffer.concat([x25519Prefix, ephemeralRaw]),
    format: "der",
    type: "spki",
  });
  // OpenSSL refuses a shared secret of zeros by itself.
  const shared = diffieHellman({ privateKey, publicKey });
  const salt = Buffer.concat([ephemeralRaw, rawPublic(createPublicKey(privateKey))]);
  const key = deriveKey(shared, salt, "lsr1 x25519");
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  wipe(shared, key);
  decipher.setAAD(context);
  decipher.setAuthTag(wrapped.subarray(wrapped.length - 16));
  return Buffer.concat([decipher.update(wrapped.subarray(32, wrapped.length - 16)), decipher.final()]);
}

const rawPublic = (key: KeyObject): Uint8Array => key.export({ type: "spki", format: "der" }).subarray(-32);
