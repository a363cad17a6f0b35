import { type AuditStream, auditStreamName, auditStreams, Fault } from "@locum/contracts";
import type { Elasticsearch } from "./open-elasticsearch.ts";
import { refusalOf } from "./refusal-of.ts";

export type LocumStream = { name: string; writeIndex: string };
export type LocumNames = { streams: LocumStream[]; plainIndices: string[] };

/**
 * What has a name of ours on a server, of every namespace: this way every distribution tells it.
 * @throws Fault upstream-refused | not-authenticated | not-authorised
 */
export async function locumNames(server: Elasticsearch): Promise<LocumNames> {
  const path = "/_resolve/index/logs-locum.*";
  const answer = await server.request({ method: "GET", path });
  if (answer.status === 404) return { streams: [], plainIndices: [] };
  if (answer.status !== 200) throw refusalOf(answer, `GET ${path}`);
  const { indices = [], data_streams: streams = [] } = answer.body as {
    indices?: { name: string; data_stream?: string }[];
    data_streams?: { name: string; backing_indices: string | string[] }[];
  };
  return {
    streams: streams.map(({ name, backing_indices: backing }) => {
      // Oldest first; documents go to the last. A single one comes without its list.
      const writeIndex = [backing].flat().at(-1);
      if (writeIndex === undefined) throw new Fault("upstream-protocol", `${name} has no index`);
      return { name, writeIndex };
    }),
    plainIndices: indices.filter((one) => one.data_stream === undefined).map(({ name }) => name),
  };
}

/** The streams of one namespace. */
export const streamNames = (namespace: string): string[] =>
  (Object.keys(auditStreams) as AuditStream[]).map((stream) => auditStreamName(stream, namespace));
