import { Fault } from "@locum/contracts";
import { type Asset, assetsFor } from "./assets.ts";
import { keyNames } from "./create-keys.ts";
import { differences } from "./differences.ts";
import { locumNames, streamNames } from "./locum-streams.ts";
import type { Elasticsearch } from "./open-elasticsearch.ts";
import { readAsset } from "./read-asset.ts";
import { refusalOf } from "./refusal-of.ts";
import { readTraits } from "./server-traits.ts";

export type Removal = {
  kind: "data-stream" | "api-key" | Asset["kind"];
  name: string;
  path: string;
  body?: Record<string, unknown>;
};

/**
 * What taking the set-up out again would remove, in order; nothing is changed. Streams that hold documents are removed
 * only with `data`, and while there is one, what it needs stays: without its template the next index of it would be
 * anything.
 * @throws Fault refused where streams are there that may not, or cannot, be deleted
 */
export async function removalPlan(
  server: Elasticsearch,
  { namespace = "default", data = false }: { namespace?: string; data?: boolean } = {},
): Promise<Removal[]> {
  const traits = await readTraits(server);
  const { streams } = await locumNames(server);
  const names = streams.map(({ name }) => name);
  const ours = streamNames(namespace);
  const others = names.filter((name) => !ours.includes(name));
  if (names.length > 0 && (!data || others.length > 0)) {
    const kept = data ? others : names;
    throw new Fault("refused", `the set-up is in use by ${kept.join(", ")}`, {
      hint: data
        ? "These are of another namespace, or not of Locum: they are not deleted here, and need the templates."
        : "Add --data to delete these streams with every document in them. The collector's own log is not touched.",
    });
  }
  if (names.length > 0 && !traits.streams)
    throw new Fault("refused", `this server cannot delete data streams: ${names.join(", ")} stay`, {
      hint: "It is a stripped distribution. Nothing was removed.",
    });
  const removals: Removal[] = names.map((name) => ({
    kind: "data-stream",
    name,
    path: `/_data_stream/${encodeURIComponent(name)}`,
  }));
  for (const asset of assetsFor(traits).reverse())
    if (await isRemovable(server, asset))
      removals.push({ kind: asset.kind, name: asset.name, path: asset.path });
  if (traits.apiKeys) removals.push(...(await keyRemovals(server, namespace)));
  return removals;
}

/** @throws Fault upstream-unreachable | upstream-refused | not-authorised; what is removed by then stays removed */
export async function applyRemoval(server: Elasticsearch, removals: readonly Removal[]): Promise<void> {
  for (const { path, body } of removals) {
    const answer = await server.request({ method: "DELETE", path, ...(body ? { body } : {}) });
    if (answer.status !== 200 && answer.status !== 404) throw refusalOf(answer, `DELETE ${path}`);
  }
}

/** The user's own template goes only where nobody has written anything into it. */
async function isRemovable(server: Elasticsearch, asset: Asset): Promise<boolean> {
  const found = await readAsset(server, asset);
  return found !== undefined && (!asset.isUsers || differences(asset.body, found.body).length === 0);
}

async function keyRemovals(server: Elasticsearch, namespace: string): Promise<Removal[]> {
  const answer = await server.request({ method: "GET", path: "/_security/api_key", query: { owner: true } });
  if (answer.status !== 200) return [];
  const { api_keys: keys = [] } = answer.body as {
    api_keys?: { id: string; name: string; invalidated: boolean }[];
  };
  const ours = Object.values(keyNames(namespace));
  return keys
    .filter(({ name, invalidated }) => ours.includes(name) && !invalidated)
    .map(({ id, name }) => ({
      kind: "api-key",
      name,
      path: "/_security/api_key",
      body: { ids: [id], owner: true },
    }));
}
