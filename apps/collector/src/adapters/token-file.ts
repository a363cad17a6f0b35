import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { Fault } from "@locum/contracts";
import { type Log, writeFileAtomic } from "@locum/runtime";
import type { Token } from "../auth.ts";

const roles = ["admin", "operator", "viewer", "sidecar"] as const;
const tokenBytes = 32;

/**
 * The bearer tokens of this collector: `{"tokens":[{"name","role","token"}]}`, mode 0600. Made with one token a role
 * at the first start; a file that is there is taken as it is, so that people may add names or take them away.
 * @throws Fault config-invalid | disk-full | storage-failed
 */
export async function readTokenFile(file: string, say: Log): Promise<Token[]> {
  const text = readIfThere(file);
  if (text === null) {
    const tokens = roles.map((role) => ({
      name: role,
      role,
      token: randomBytes(tokenBytes).toString("base64url"),
    }));
    await writeFileAtomic(file, `${JSON.stringify({ tokens }, null, 2)}\n`, { mode: 0o600 });
    return tokens;
  }
  if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0) {
    say("warn", "the token file was readable by others; its mode is 0600 now", { path: file });
    chmodSync(file, 0o600);
  }
  return parseTokens(text, file);
}

export function parseTokens(text: string, file: string): Token[] {
  let tokens: unknown;
  try {
    tokens = (JSON.parse(text) as { tokens?: unknown } | null)?.tokens;
  } catch {
    // Falls through to the same answer: what is in the file must not be quoted.
  }
  if (!Array.isArray(tokens) || tokens.length === 0 || tokens.length > 10_000 || !tokens.every(isToken))
    throw new Fault("config-invalid", `${file} is no token file`, {
      hint: 'Expected {"tokens":[{"name":"...","role":"admin|operator|viewer|sidecar","token":"16 characters or more"}]}; without the file new tokens are made.',
    });
  return tokens;
}

function isToken(value: unknown): value is Token {
  const { name, role, token, instance, person } = Object(value) as Record<string, unknown>;
  return (
    typeof name === "string" &&
    /^[\w.:/@-]{1,64}$/.test(name) &&
    roles.some((known) => known === role) &&
    typeof token === "string" &&
    /^[\x21-\x7e]{16,512}$/.test(token) &&
    (instance === undefined || typeof instance === "string") &&
    (person === undefined || (typeof person === "string" && /^[^\p{Cc}]{1,200}$/u.test(person)))
  );
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new Fault("config-invalid", `${file} cannot be read`, { cause: error });
  }
}
