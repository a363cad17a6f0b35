import { readFile } from "node:fs/promises";
import { Fault } from "@locum/contracts";
import { checkCertificate, readTextFile } from "@locum/runtime";
import { z } from "zod";

const Tokens = z.object({
  tokens: z.array(
    z.object({
      role: z.string(),
      token: z.string().min(16).max(512),
      instance: z.string().optional(),
    }),
  ),
});
const Headers = z.record(z.string(), z.string());

/**
 * The sidecar's own token. Read anew at each connection: the collector makes the file at its first start, and a person
 * may change it. Nothing of it is ever in a message.
 * @throws Fault not-authenticated
 */
export async function readToken(file: string, identity: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  // A token that Kubernetes projects into the pod stands there by itself.
  if (/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\s*$/.test(text) && text.length <= projectedMax)
    return text.trim();
  const parsed = Tokens.safeParse(jsonOf(text));
  const tokens = parsed.success ? parsed.data.tokens.filter(({ role }) => role === "sidecar") : [];
  const own =
    tokens.find(({ instance }) => instance === identity) ?? tokens.find(({ instance }) => !instance);
  if (!own) throw new Fault("not-authenticated", `${file} holds no token for a sidecar`);
  return own.token;
}

const projectedMax = 16_384;

/** Headers for the model server (authentication). @throws Fault config-invalid */
export async function readHeaders(file: string | undefined): Promise<Record<string, string> | undefined> {
  if (file === undefined) return undefined;
  const parsed = Headers.safeParse(await readJson(file));
  if (!parsed.success)
    throw new Fault("config-invalid", `${file}: expected a JSON object of header names and texts`);
  return parsed.data;
}

/** @throws Fault config-invalid */
export async function readPem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, "utf8").catch(() => "");
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    throw new Fault("config-invalid", `${file}: expected a certificate authority in PEM`);
  return text;
}

/** What a sidecar shows its peers, and by whose word it knows them. @throws Fault config-invalid | config-unreadable */
export async function readPeerTls(
  files: { ca: string; cert: string; key: string } | undefined,
): Promise<{ ca: string; cert: string; key: string } | undefined> {
  if (!files) return undefined;
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map(readTextFile));
  const pem = { ca: ca ?? "", cert: cert ?? "", key: key ?? "" };
  checkCertificate(pem);
  return pem;
}

const readJson = async (file: string): Promise<unknown> =>
  jsonOf(await readFile(file, "utf8").catch(() => ""));

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
