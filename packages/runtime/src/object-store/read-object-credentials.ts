import { readFile } from "node:fs/promises";
import { Fault } from "@locum/contracts";

export type ObjectCredentials = {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
};

/**
 * From a file as AWS tools write it (profile `default`), else from the environment. Read anew each time, for both are
 * rotated. What is in them is never part of a message.
 * @throws Fault config-invalid
 */
export async function readObjectCredentials(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<ObjectCredentials> {
  const given = file === undefined ? env : profileOf(await readText(file));
  const [accessKeyId, secretAccessKey, sessionToken] = [
    given.AWS_ACCESS_KEY_ID,
    given.AWS_SECRET_ACCESS_KEY,
    given.AWS_SESSION_TOKEN,
  ];
  if (!accessKeyId || !secretAccessKey)
    throw new Fault(
      "config-invalid",
      `${file ?? "the environment"} holds no credentials of an object store`,
      {
        hint: "Expected aws_access_key_id and aws_secret_access_key under [default], or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
      },
    );
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Fault("config-invalid", `${file} cannot be read`, { cause });
  }
}

/** The names of the environment, in capitals. */
function profileOf(text: string): Record<string, string | undefined> {
  const found: Record<string, string> = {};
  let isDefault = true;
  for (const line of text.split("\n")) {
    const [, profile] = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line) ?? [];
    if (profile !== undefined) isDefault = profile === "default";
    const [, name, value] = /^\s*(aws_[a-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (isDefault && name !== undefined && value !== undefined) found[name.toUpperCase()] = value;
  }
  return found;
}
