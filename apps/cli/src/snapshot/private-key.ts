import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { readTextFile, writeFileAtomic } from "@locum/runtime";
import { recipientOf } from "@locum/snapshot/repository";
import type { Io } from "../io.ts";
import { createSecretFile } from "./create-secret-file.ts";

/** What of an operator's own is kept by Locum: never beside a repository, a sidecar or a collector. */
export const operatorFolder = ({ env, home }: Pick<Io, "env" | "home">): string =>
  join(env("XDG_CONFIG_HOME") ?? join(home, ".config"), "locum");

export const ownKeyFile = (io: Pick<Io, "env" | "home">): string => join(operatorFolder(io), "snapshot.key");

/**
 * The private key that opens snapshots: X25519, or RSA of 3072 bits or more, in PEM. What is in the file is in no message.
 * @throws Fault config-unreadable · config-invalid
 */
export async function readPrivateKey(file: string): Promise<KeyObject> {
  const pem = await readTextFile(file);
  const { mode } = await stat(file);
  if (process.platform !== "win32" && (mode & 0o077) !== 0)
    throw new Fault("config-invalid", `${file} can be read by others (mode ${(mode & 0o777).toString(8)})`, {
      hint: `Run chmod 600 ${file}; if others may have read it, snapshots need a new recipient.`,
    });
  const key = privateKeyOf(pem, file);
  recipientOf(key);
  return key;
}

/** Makes an X25519 pair, if there is none: the private half for its owner alone, the public half beside it. */
export async function ensureOwnKey(
  file: string,
): Promise<{ file: string; publicFile: string; made: boolean }> {
  const { privateKey } = generateKeyPairSync("x25519");
  const made = await createSecretFile(file, privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  const key = await readPrivateKey(file);
  const publicFile = file.replace(/\.key$/, ".pub");
  await writeFileAtomic(publicFile, createPublicKey(key).export({ format: "pem", type: "spki" }).toString());
  return { file, publicFile, made };
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
