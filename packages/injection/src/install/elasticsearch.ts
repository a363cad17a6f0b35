import type { InstallValues } from "./values.ts";

type Given = Pick<InstallValues, "elasticsearch">;
const folder = "/etc/locum/elasticsearch";

/** What the collector is told of Elasticsearch: its keys are files, of Secrets that somebody else makes. */
export function elasticsearchPart({ elasticsearch }: Given): object {
  if (!elasticsearch) return {};
  const { url, namespace, apiKeySecret, readApiKeySecret, caSecret } = elasticsearch;
  return {
    elasticsearch: {
      url,
      namespace,
      ...(apiKeySecret ? { apiKeyFile: `${folder}/api-key` } : {}),
      ...(readApiKeySecret ? { readApiKeyFile: `${folder}/read-api-key` } : {}),
      ...(caSecret ? { ca: `${folder}/ca.crt` } : {}),
    },
  };
}

/** One folder of all of them; none where no Secret is named. */
export function elasticsearchVolume({ elasticsearch }: Given): { volumes: object[]; mounts: object[] } {
  const { apiKeySecret, readApiKeySecret, caSecret } = elasticsearch ?? {};
  const source = (name: string | undefined, key: string, path: string): object[] =>
    name === undefined ? [] : [{ secret: { name, items: [{ key, path }] } }];
  const sources = [
    ...source(apiKeySecret, "api-key", "api-key"),
    ...source(readApiKeySecret, "api-key", "read-api-key"),
    ...source(caSecret, "ca.crt", "ca.crt"),
  ];
  if (sources.length === 0) return { volumes: [], mounts: [] };
  const name = "elasticsearch";
  return {
    volumes: [{ name, projected: { defaultMode: 0o440, sources } }],
    mounts: [{ name, mountPath: folder, readOnly: true }],
  };
}
