import { readFile, stat } from "node:fs/promises";
import { Fault } from "@locum/contracts";

/**
 * A secret that is all of a file, without the white space around it. A group may read it, as Kubernetes mounts secrets;
 * others may not.
 * @throws Fault config-unreadable | config-invalid
 */
export async function readSecretFile(file: string): Promise<string> {
  const secret = (await readTextFile(file)).trim();
  const { mode } = await stat(file);
  if (process.platform !== "win32" && (mode & 0o007) !== 0)
    throw new Fault("config-invalid", `${file} can be read by anybody (mode ${(mode & 0o777).toString(8)})`, {
      hint: `Run chmod 600 ${file}; if others may have read it, make a new secret.`,
    });
  if (secret === "" || /\s/.test(secret))
    throw new Fault("config-invalid", `${file}: expected one word, found something else`);
  return secret;
}

/** @throws Fault config-unreadable */
export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Fault("config-unreadable", `${file} cannot be read: ${(cause as Error).message}`, {
      hint: "Name an existing file that this user may read.",
      cause,
    });
  }
}
