import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { limits } from "../limits.ts";
import { type Recipient, recipientOf } from "./recipient.ts";

/** What a writer needs: the key that names chunks, and whom it seals for. Neither opens a snapshot. */
export type Writer = { dir: string; idKey: Uint8Array; recipients: Recipient[] };

/** As `@locum/runtime` has them. A secret file is one that nobody but its owner can read. */
export type KeyFilePorts = {
  readTextFile(file: string): Promise<string>;
  readSecretFile(file: string): Promise<string>;
};

export type KeyFileWrites = {
  /** For its owner alone, whole or not at all; false where a file of that name is, which stays. */
  createSecretFile(file: string, text: string): Promise<boolean>;
  writeFileAtomic(file: string, text: string, options: { mode: number }): Promise<unknown>;
};

const recipientsBytesMax = 65_536;
const blockPattern = /-----BEGIN ([A-Z ]+)-----[^-]*-----END \1-----/g;

export const idKeyFile = (dir: string): string => join(dir, "id.key");
export const recipientsFile = (dir: string): string => join(dir, "recipients.pem");

/** Undefined where the folder has no id key. @throws Fault config-unreadable · config-invalid */
export async function readWriter(dir: string, ports: KeyFilePorts): Promise<Writer | undefined> {
  const names: string[] = await readdir(dir).catch(() => []);
  if (!names.includes("id.key")) return undefined;
  const idKey = Buffer.from(await ports.readSecretFile(idKeyFile(dir)), "base64");
  if (idKey.length !== 32)
    throw new Fault(
      "config-invalid",
      `${idKeyFile(dir)}: expected 32 bytes in base64, found ${idKey.length}`,
    );
  return { dir, idKey, recipients: await readRecipients(recipientsFile(dir), ports) };
}

/** The id key that is there stays; recipients are replaced, for what is written from now on. */
export async function writeWriter(
  { dir, idKey, recipients }: Writer,
  { createSecretFile, writeFileAtomic }: KeyFileWrites,
): Promise<{ made: boolean }> {
  const made = await createSecretFile(idKeyFile(dir), `${Buffer.from(idKey).toString("base64")}\n`);
  const blocks = recipients.map(({ publicKey }) => publicKey.export({ format: "pem", type: "spki" }));
  await writeFileAtomic(recipientsFile(dir), blocks.join(""), { mode: 0o600 });
  return { made };
}

/**
 * Public keys of a file, one PEM block after another, each once.
 * @throws Fault config-unreadable · config-invalid: none, a private key, or a key of another kind or too short
 */
export async function readRecipients(
  file: string,
  { readTextFile }: Pick<KeyFilePorts, "readTextFile">,
): Promise<Recipient[]> {
  const text = await readTextFile(file);
  const blocks = [...text.slice(0, recipientsBytesMax).matchAll(blockPattern)];
  if (blocks.some(([, label = ""]) => label.includes("PRIVATE")))
    throw new Fault("config-invalid", `${file} holds a private key: a writer needs the public half only`, {
      hint: "openssl pkey -in PRIVATE.pem -pubout writes it.",
    });
  if (blocks.length === 0) throw new Fault("config-invalid", `${file} holds no public key in PEM`);
  return onlyOnce(blocks.map(([block]) => recipientOf(publicKeyOf(block, file))));
}

/** @throws Fault config-invalid: more than a file can be sealed for */
export function onlyOnce(recipients: readonly Recipient[]): Recipient[] {
  const found = new Map(recipients.map((each) => [Buffer.from(each.id).toString("hex"), each]));
  if (found.size > limits.recipients)
    throw new Fault("config-invalid", `${found.size} recipients, expected at most ${limits.recipients}`);
  return [...found.values()];
}

/**
 * The private key that opens snapshots: X25519, or RSA of 3072 bits or more, in PEM. What is in the file is in no message.
 * Kubernetes mounts secrets for a group.
 * @throws Fault config-unreadable · config-invalid
 */
export async function readPrivateKey(
  file: string,
  { readTextFile }: Pick<KeyFilePorts, "readTextFile">,
  { groupMayRead = false }: { groupMayRead?: boolean } = {},
): Promise<KeyObject> {
  const pem = await readTextFile(file);
  const { mode } = await stat(file);
  if (process.platform !== "win32" && (mode & (groupMayRead ? 0o007 : 0o077)) !== 0)
    throw new Fault("config-invalid", `${file} can be read by others (mode ${(mode & 0o777).toString(8)})`, {
      hint: `Run chmod 600 ${file}; if others may have read it, snapshots need a new recipient.`,
    });
  const key = privateKeyOf(pem, file);
  recipientOf(key);
  return key;
}

function publicKeyOf(block: string, file: string): KeyObject {
  try {
    return createPublicKey(block);
  } catch (cause) {
    throw new Fault("config-invalid", `${file} holds a public key that does not parse`, { cause });
  }
}

function privateKeyOf(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Fault("config-invalid", `${file} holds no private key in PEM, or one with a passphrase`, {
      hint: "Expected X25519, or RSA of 3072 bits or more, in PEM without a passphrase.",
    });
  }
}
