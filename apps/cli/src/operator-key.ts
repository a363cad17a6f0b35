import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Fault, keyIdOf } from "@locum/contracts";
import type { Io } from "./io.ts";

export type OperatorKey = {
  file: string;
  pem: string;
  approver: { keyId: string; publicKey: string };
  made: boolean;
};

/** The key that approves releases lies in the operator's own folder, never beside a sidecar or a collector. */
export const operatorKeyFile = ({ env, home }: Pick<Io, "env" | "home">): string =>
  join(env("XDG_CONFIG_HOME") ?? join(home, ".config"), "locum", "operator.key");

/** @throws Fault not-found | config-invalid */
export async function readOperatorKey(file: string): Promise<OperatorKey> {
  const pem = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Fault("not-found", `the operator's key ${file} cannot be read: ${(cause as Error).message}`, {
      hint: "locum init makes it; or set XDG_CONFIG_HOME to the folder that holds locum/operator.key.",
      cause,
    });
  });
  const { mode } = await stat(file);
  if (process.platform !== "win32" && (mode & 0o077) !== 0)
    throw new Fault("config-invalid", `${file} can be read by others (mode ${(mode & 0o777).toString(8)})`, {
      hint: `Run chmod 600 ${file}; if others may have read it, make a new one.`,
    });
  return { file, pem, approver: approverOf(pem, file), made: false };
}

/** Reads the key, or makes one: Ed25519, PKCS#8 PEM, mode 0600, in a folder of mode 0700. */
export async function ensureOperatorKey(file: string): Promise<OperatorKey> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await chmod(dirname(file), 0o700);
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const draft = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await using handle = await open(draft, "wx", 0o600);
    await handle.writeFile(pem);
    await handle.sync();
    // A link never replaces: the key that is there, or that another run made meanwhile, stays.
    await link(draft, file);
    return { file, pem, approver: approverOf(pem, file), made: true };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return await readOperatorKey(file);
    throw new Fault("storage-failed", `${file} was not written: ${message}`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

function approverOf(pem: string, file: string): OperatorKey["approver"] {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== "ed25519") throw new Error(`a key of type ${key.asymmetricKeyType}`);
    const { x = "" } = createPublicKey(key).export({ format: "jwk" });
    const publicKey = Buffer.from(x, "base64url").toString("base64");
    return { keyId: keyIdOf(publicKey), publicKey };
  } catch (error) {
    // The text of the error may not quote what is in the file.
    throw new Fault("config-invalid", `${file} is no Ed25519 private key in PEM`, { cause: error });
  }
}
