import { Fault } from "@locum/contracts";
import type { Elasticsearch, ServerAnswer } from "../elasticsearch/open-elasticsearch.ts";
import { isObject } from "./bulk-outcome.ts";

export type Setup = {
  family: "elasticsearch" | "opensearch" | "unknown";
  /** For people: family and version. */
  name: string;
  /** Whether a bulk request would make the data stream, or write to it, and nothing else. */
  isReady: boolean;
  detail: string;
};

/**
 * Looks before the first write: without its template a create would make a plain index of the stream's name, which
 * takes anything, keeps it for ever and has to be removed by hand.
 * @throws Fault upstream-unreachable where nobody answers
 */
export async function checkSetup({
  server,
  reader = server,
  stream,
  signal,
}: {
  server: Elasticsearch;
  reader?: Elasticsearch | undefined;
  stream: string;
  signal: AbortSignal;
}): Promise<Setup> {
  // A key that may only create is not even told the name of the server.
  const root = await reader.request({ method: "GET", path: "/", signal });
  if (root.status >= 500)
    throw new Fault("upstream-unreachable", `Elasticsearch answers with status ${root.status}`);
  const kind = familyOf(root);
  const resolved = await reader.request({ method: "GET", path: `/_resolve/index/${stream}`, signal });
  const names = (list: string): unknown[] => {
    const found = isObject(resolved.body) ? resolved.body[list] : undefined;
    return Array.isArray(found) ? found.map((one) => (isObject(one) ? one.name : undefined)) : [];
  };
  if (names("data_streams").includes(stream)) return { ...kind, isReady: true, detail: "" };
  if (names("indices").includes(stream))
    return {
      ...kind,
      isReady: false,
      detail: `${stream} is a plain index: remove it and run locum audit setup`,
    };
  if (resolved.status === 200 || resolved.status === 404) {
    const template = await hasTemplate(reader, stream, signal);
    if (template !== undefined)
      return {
        ...kind,
        isReady: template,
        detail: template ? "" : `there is no template for ${stream}: run locum audit setup`,
      };
  }
  // Elasticsearch makes no plain index when it is told so; OpenSearch, being told so, refuses the request.
  if (kind.family !== "opensearch") return { ...kind, isReady: true, detail: "" };
  return {
    ...kind,
    isReady: false,
    detail: `no key may see whether ${stream} is set up: give a read key (readApiKeyFile)`,
  };
}

function familyOf({ headers, body }: ServerAnswer): Pick<Setup, "family" | "name"> {
  const version = isObject(body) && isObject(body.version) ? body.version : {};
  const number = typeof version.number === "string" ? ` ${version.number.slice(0, 40)}` : "";
  if (headers["x-opensearch-version"] !== undefined || version.distribution === "opensearch")
    return { family: "opensearch", name: `OpenSearch${number}` };
  if (headers["x-elastic-product"] !== undefined)
    return { family: "elasticsearch", name: `Elasticsearch${number}` };
  return { family: "unknown", name: `unknown server${number}` };
}

/** Undefined where it may not be seen. */
async function hasTemplate(
  reader: Elasticsearch,
  stream: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const { status, body } = await reader.request({
    method: "GET",
    path: "/_index_template/*locum*",
    signal,
  });
  if (status === 404) return false;
  const templates = status === 200 && isObject(body) ? body.index_templates : undefined;
  if (!Array.isArray(templates)) return undefined;
  return templates.some((one: unknown) => {
    const template = isObject(one) && isObject(one.index_template) ? one.index_template : {};
    const patterns = Array.isArray(template.index_patterns) ? template.index_patterns : [];
    return isObject(template.data_stream) && patterns.some((pattern) => matches(String(pattern), stream));
  });
}

function matches(pattern: string, name: string): boolean {
  const [start = "", ...rest] = pattern.split("*");
  if (!name.startsWith(start)) return false;
  let at = start.length;
  for (const [index, part] of rest.entries()) {
    const isLast = index === rest.length - 1;
    if (isLast) return part === "" || (name.endsWith(part) && name.length - part.length >= at);
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at === name.length;
}
