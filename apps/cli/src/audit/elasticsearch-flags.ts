import { resolve } from "node:path";
import { type Elasticsearch, openElasticsearch } from "@locum/audit/elasticsearch";
import { type CollectorElasticsearch, Fault } from "@locum/contracts";
import { readSecretFile, readTextFile } from "@locum/runtime";

/** How Elasticsearch is named at the command line. What is absent comes from the service file's collector. */
export const elasticsearchFlags = {
  elasticsearch: { kind: "text", about: "URL of Elasticsearch or OpenSearch; the service file's if absent" },
  "api-key-file": { kind: "text", about: "file with an API key, base64 as Elasticsearch gives it out" },
  ca: { kind: "text", about: "PEM of the authority that signed its certificate" },
  namespace: { kind: "text", about: "last part of the stream's name; default if absent" },
} as const;

type Given = {
  elasticsearch?: string | undefined;
  "api-key-file"?: string | undefined;
  "user-file"?: string | undefined;
  ca?: string | undefined;
  namespace?: string | undefined;
};

/**
 * @throws Fault usage where no address is known or a secret stands in it · config-unreadable · config-invalid
 */
export async function accessElasticsearch(
  given: Given,
  configured: CollectorElasticsearch | undefined,
  cwd: string,
): Promise<{
  server: Elasticsearch;
  url: string;
  namespace: string;
  /** The header of that name, for what stands beside it. */
  authorization: string | undefined;
  ca: string | undefined;
}> {
  const url = given.elasticsearch ?? configured?.url;
  if (url === undefined || !URL.canParse(url))
    throw new Fault("usage", "expected --elasticsearch URL, or collector.elasticsearch in the service file");
  const { username, password } = new URL(url);
  if (username !== "" || password !== "")
    throw new Fault("usage", "expected a URL without user and password: others can read a command line", {
      hint: "Put an API key into a file and name it with --api-key-file.",
    });
  const secrets = await readSecrets(given, configured?.readApiKeyFile, cwd);
  const caFile = given.ca ?? configured?.ca;
  const ca = caFile === undefined ? undefined : await readTextFile(resolve(cwd, caFile));
  const server = openElasticsearch({
    url: secrets.user === undefined ? url : withUser(url, secrets.user),
    ...(secrets.apiKey === undefined ? {} : { apiKey: secrets.apiKey }),
    ...(ca === undefined ? {} : { ca }),
  });
  const namespace = given.namespace ?? configured?.namespace ?? "default";
  return { server, url, namespace, authorization: authorizationOf(secrets), ca };
}

type Secrets = { apiKey?: string; user?: string };

async function readSecrets(given: Given, configured: string | undefined, cwd: string): Promise<Secrets> {
  const userFile = given["user-file"];
  const keyFile = given["api-key-file"] ?? (userFile === undefined ? configured : undefined);
  if (keyFile !== undefined && userFile !== undefined)
    throw new Fault("usage", "--api-key-file and --user-file: expected one of them");
  if (keyFile !== undefined) return { apiKey: await readSecretFile(resolve(cwd, keyFile)) };
  if (userFile === undefined) return {};
  const user = await readSecretFile(resolve(cwd, userFile));
  if (/^[^:]+:./.test(user)) return { user };
  throw new Fault("config-invalid", `${userFile}: expected USER:PASSWORD`, {
    hint: "Write both into one line, with a colon between them.",
  });
}

function withUser(text: string, user: string): string {
  const url = new URL(text);
  const colon = user.indexOf(":");
  url.username = encodeURIComponent(user.slice(0, colon));
  url.password = encodeURIComponent(user.slice(colon + 1));
  return url.href;
}

function authorizationOf({ apiKey, user }: Secrets): string | undefined {
  if (apiKey !== undefined) return `ApiKey ${apiKey}`;
  return user === undefined ? undefined : `Basic ${Buffer.from(user).toString("base64")}`;
}
