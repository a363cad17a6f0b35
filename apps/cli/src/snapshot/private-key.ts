import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { readTextFile, writeFileAtomic } from "@locum/runtime";
import { readPrivateKey } from "@locum/snapshot/repository";
import type { Io } from "../io.ts";
import { createSecretFile } from "./create-secret-file.ts";

/** What of an operator's own is kept by Locum: never beside a repository, a sidecar or a collector. */
export const operatorFolder = ({ env, home }: Pick<Io, "env" | "home">): string =>
  join(env("XDG_CONFIG_HOME") ?? join(home, ".config"), "locum");

export const ownKeyFile = (io: Pick<Io, "env" | "home">): string => join(operatorFolder(io), "snapshot.key");

/** Makes an X25519 pair, if there is none: the private half for its owner alone, the public half beside it. */
export async function ensureOwnKey(
  file: string,
): Promise<{ file: string; publicFile: string; made: boolean }> {
  const { privateKey } = generateKeyPairSync("x25519");
  const made = await createSecretFile(file, privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  const key = await readPrivateKey(file, { readTextFile });
  const publicFile = file.replace(/\.key$/, ".pub");
  await writeFileAtomic(publicFile, createPublicKey(key).export({ format: "pem", type: "spki" }).toString());
  return { file, publicFile, made };
}
