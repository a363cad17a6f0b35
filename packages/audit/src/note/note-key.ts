import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { Fault } from "@locum/contracts";

/** What a signature of a note says: the text as it is, or that a witness saw it at a time (tlog-cosignature). */
export type NoteKeyKind = "log" | "witness";
const typeOf: Record<NoteKeyKind, number> = { log: 1, witness: 4 };

/** A public key with its name, as `<name>+<key id>+<base64>` is read (C2SP signed-note, vkey). */
export type NoteKey = { name: string; kind: NoteKeyKind; keyId: Buffer; publicKey: KeyObject };

/** Whoever signs; `privateKey` is Ed25519. */
export type NoteSigner = { name: string; privateKey: KeyObject };

/** SubjectPublicKeyInfo header of a raw Ed25519 key (RFC 8410, section 4). */
const spkiHeader = Buffer.from("302a300506032b6570032100", "hex");

export function noteKeyOf({ name, privateKey }: NoteSigner, kind: NoteKeyKind): NoteKey {
  const publicKey = createPublicKey(privateKey);
  return { name, kind, publicKey, keyId: keyIdOf(name, kind, rawKey(publicKey)) };
}

export const noteKeyText = ({ name, kind, keyId, publicKey }: NoteKey): string =>
  `${name}+${keyId.toString("hex")}+${Buffer.concat([Buffer.from([typeOf[kind]]), rawKey(publicKey)]).toString("base64")}`;

/** @throws Fault evidence-invalid */
export function readNoteKey(text: string): NoteKey {
  const [, name = "", id = "", base64 = ""] =
    /^([^\s+]{1,256})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/u.exec(text.trim()) ?? [];
  const bytes = Buffer.from(base64, "base64");
  const kind = (["log", "witness"] as const).find((one) => typeOf[one] === bytes[0]);
  if (!kind)
    throw new Fault("evidence-invalid", "expected a note key <name>+<key id>+<base64>, found another text");
  const keyId = keyIdOf(name, kind, bytes.subarray(1));
  if (keyId.toString("hex") !== id)
    throw new Fault("evidence-invalid", `the key of ${name} has another id than it says`);
  const publicKey = createPublicKey({
    key: Buffer.concat([spkiHeader, bytes.subarray(1)]),
    format: "der",
    type: "spki",
  });
  return { name, kind, keyId, publicKey };
}

const keyIdOf = (name: string, kind: NoteKeyKind, raw: Buffer): Buffer =>
  hash(
    "sha256",
    Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([typeOf[kind]]), raw]),
    "buffer",
  ).subarray(0, 4);

const rawKey = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" }).subarray(-32);
