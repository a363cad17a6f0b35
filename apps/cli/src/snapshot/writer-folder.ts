import { createPublicKey } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { readSecretFile, readTextFile, writeFileAtomic } from "@locum/runtime";
import { type Recipient, recipientOf } from "@locum/snapshot/repository";
import { createSecretFile } from "./create-secret-file.ts";

/** What a writer needs: the key that names chunks, and whom it seals for. Neither opens a snapshot. */
export type Writer = { dir: string; idKey: Uint8Array; recipients: Recipient[] };

const recipientsMax = 16;
const blockPattern = /-----BEGIN ([A-Z ]+)-----[^-]*-----END \1-----/g;

export const idKeyFile = (dir: string): string => join(dir, "id.key");
export const recipientsFile = (dir: string): string => join(dir, "recipients.pem");

/** Undefined where the folder has no id key. @throws Fault config-unreadable · config-invalid */
export async function readWriter(dir: string): Promise<Writer | undefined> {
  const names: string[] = await readdir(dir).catch(() => []);
  if (!names.includes("id.key")) return undefined;
  const idKey = Buffer.from(await readSecretFile(idKeyFile(dir)), "base64");
  if (idKey.length !== 32)
    throw new Fault(
      "config-invalid",
      `${idKeyFile(dir)}: expected 32 bytes in base64, found ${idKey.length}`,
    );
  return { dir, idKey, recipients: await readRecipients(recipientsFile(dir)) };
}

/** The id key that is there stays; recipients are replaced, for what is written from now on. */
export async function writeWriter({ dir, idKey, recipients }: Writer): Promise<{ made: boolean }> {
  const made = await createSecretFile(idKeyFile(dir), `${Buffer.from(idKey).toString("base64")}\n`);
  const blocks = recipients.map(({ publicKey }) => publicKey.export({ format: "pem", type: "spki" }));
  await writeFileAtomic(recipientsFile(dir), blocks.join(""), { mode: 0o600 });
  return { made };
}

/**
 * Public keys of a file, one PEM block after another, each once.
 * @throws Fault config-unreadable · config-invalid: none, a private key, or a key of another kind or too short
 */
export async function readRecipients(file: string): Promise<Recipient[]> {
  const text = await readTextFile(file);
  const blocks = [...text.slice(0, 65_536).matchAll(blockPattern)];
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
  if (found.size > recipientsMax)
    throw new Fault("config-invalid", `${found.size} recipients, expected at most ${recipientsMax}`);
  return [...found.values()];
}

function publicKeyOf(block: string, file: string) {
  try {
    return createPublicKey(block);
  } catch (cause) {
    throw new Fault("config-invalid", `${file} holds a public key that does not parse`, { cause });
  }
}
