import { Fault } from "@locum/contracts";
import type { Elasticsearch, ServerAnswer } from "./open-elasticsearch.ts";
import { reasonOf } from "./reason-of.ts";
import { refusalOf } from "./refusal-of.ts";

/** What a server is, and what it has of that which we would use. */
export type ServerTraits = {
  family: "elasticsearch" | "opensearch";
  version: string;
  serverless: boolean;
  /** What deletes old documents: the stream itself, a policy of ILM or of ISM, or nothing. */
  lifecycle: "stream" | "ilm" | "ism" | "none";
  ingest: boolean;
  /** Whether data streams can be listed, deleted and given another retention. */
  streams: boolean;
  failureStore: boolean;
  /** Whether it gives out API keys. */
  apiKeys: boolean;
  /** What is missing, in words for people. */
  lacks: string[];
};

/** The oldest versions that Locum is tested with. */
const oldest = { elasticsearch: [8, 19], opensearch: [3, 0] } as const;

/**
 * Asks a server what it is. Distributions differ: some do not answer `GET /`, some know the settings of a lifecycle
 * and run none, so each feature is asked for by itself.
 * @throws Fault upstream-unreachable | upstream-protocol | not-authenticated | not-authorised | refused
 */
export async function readTraits(server: Elasticsearch): Promise<ServerTraits> {
  const root = await server.request({ method: "GET", path: "/" });
  // Elasticsearch does not even say its name to whom it refuses.
  if (root.status === 401 || root.status === 403) throw refusalOf(root, "GET /");
  const { family, version, serverless } = await identify(server, root);
  const major = Number(version.split(".", 1)[0]);
  const minor = Number(version.split(".")[1]);
  const isAtLeast = ([a, b]: readonly [number, number]): boolean => major > a || (major === a && minor >= b);
  if (!serverless && !isAtLeast(oldest[family]))
    throw new Fault("refused", `${family} ${version}: expected ${oldest[family].join(".")} or newer`, {
      hint: "Upgrade it: older versions do not keep what Locum relies on.",
    });
  const has = (path: string): Promise<boolean> => hasHandler(server, path);
  const isElastic = family === "elasticsearch";
  const streams = await has("/_data_stream");
  const lifecycle = await lifecycleOf({ isElastic, major, serverless, streams, has });
  const ingest = await hasProcessors(server);
  const failureStore = isElastic && (serverless || isAtLeast([9, 1]));
  const apiKeys = isElastic && (await has("/_security/_authenticate")) && (await has("/_security/api_key"));
  const lacks = [
    ...(root.status === 200 ? [] : ["GET /"]),
    ...(isElastic && !streams ? ["the data stream API: streams can be written to, not deleted"] : []),
    ...(lifecycle === "none" ? ["a lifecycle: nothing is deleted when it is old"] : []),
    ...(lifecycle === "stream" && !streams ? ["the service that deletes what is old"] : []),
    ...(ingest ? [] : ["ingest processors: event.ingested is not set"]),
    ...(failureStore ? [] : ["a failure store"]),
    ...(apiKeys ? [] : ["API keys"]),
  ];
  return { family, version, serverless, lifecycle, ingest, streams, failureStore, apiKeys, lacks };
}

type Identity = Pick<ServerTraits, "family" | "version" | "serverless">;

async function identify(server: Elasticsearch, root: ServerAnswer): Promise<Identity> {
  const told = (root.body as { version?: Record<string, unknown> } | null)?.version;
  const isOpenSearch =
    told?.distribution === "opensearch" || root.headers["x-opensearch-version"] !== undefined;
  if (!isOpenSearch && root.headers["x-elastic-product"] !== "Elasticsearch")
    throw new Fault("upstream-protocol", "expected Elasticsearch or OpenSearch at this URL, found neither", {
      hint: "Name the address of its HTTP interface, without a path.",
    });
  const family = isOpenSearch ? "opensearch" : "elasticsearch";
  const number = told?.number;
  if (typeof number === "string" && /^\d{1,5}\.\d{1,5}\./.test(number))
    return { family, version: number, serverless: told?.build_flavor === "serverless" };
  const nodes = await server.request({
    method: "GET",
    path: "/_nodes/_local",
    query: { filter_path: "nodes.*.version" },
  });
  const list = Object.values(
    (nodes.body as { nodes?: Record<string, { version?: unknown }> } | null)?.nodes ?? {},
  );
  const version = list[0]?.version;
  if (typeof version === "string" && /^\d{1,5}\.\d{1,5}\./.test(version))
    return { family, version, serverless: false };
  throw new Fault(
    nodes.status === 403 ? "not-authorised" : "upstream-protocol",
    `${family} did not tell its version: ${reasonOf(nodes)}`,
    { hint: "The set-up needs the cluster privilege monitor." },
  );
}

async function lifecycleOf({
  isElastic,
  major,
  serverless,
  streams,
  has,
}: {
  isElastic: boolean;
  major: number;
  serverless: boolean;
  streams: boolean;
  has: (path: string) => Promise<boolean>;
}): Promise<ServerTraits["lifecycle"]> {
  if (!isElastic) return (await has("/_plugins/_ism/policies")) ? "ism" : "none";
  if (serverless || major >= 9) return "stream";
  if (await has("/_ilm/policy")) return "ilm";
  // Elasticsearch 8 has the lifecycle of streams where it has their API.
  return streams ? "stream" : "none";
}

/**
 * A server that has no such feature says so with 400 or 405, or takes the path for the name of an index. One that
 * refuses has it: the set-up itself will say which privilege is missing.
 */
async function hasHandler(server: Elasticsearch, path: string): Promise<boolean> {
  const { status } = await server.request({ method: "GET", path });
  return [200, 401, 403, 404].includes(status);
}

async function hasProcessors(server: Elasticsearch): Promise<boolean> {
  const { body } = await server.request({
    method: "GET",
    path: "/_nodes/ingest",
    query: { filter_path: "nodes.*.ingest.processors" },
  });
  type Node = { ingest?: { processors?: { type?: unknown }[] } };
  const nodes = Object.values((body as { nodes?: Record<string, Node> } | null)?.nodes ?? {});
  // Every node that can be asked has to have it.
  return (
    nodes.length > 0 && nodes.every(({ ingest }) => ingest?.processors?.some(({ type }) => type === "set"))
  );
}
