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
  apiKey: string | undefined;
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
  const keyFile = given["api-key-file"] ?? configured?.readApiKeyFile;
  const caFile = given.ca ?? configured?.ca;
  const apiKey = keyFile === undefined ? undefined : await readSecretFile(resolve(cwd, keyFile));
  const ca = caFile === undefined ? undefined : await readTextFile(resolve(cwd, caFile));
  const server = openElasticsearch({
    url,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(ca === undefined ? {} : { ca }),
  });
  return { server, url, namespace: given.namespace ?? configured?.namespace ?? "default", apiKey, ca };
}
