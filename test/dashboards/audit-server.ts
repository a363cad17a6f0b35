import { documentOf, type Elasticsearch } from "@locum/audit/elasticsearch";
import {
  type ElasticsearchAnswer,
  elasticsearchBody,
  readElasticsearchAnswer,
} from "@locum/audit/projection";
import { type AuditAnswer, type AuditEvent, type AuditSearch, auditStreamName } from "@locum/contracts";
import { chainedLines } from "../evidence/chained-lines.ts";

type Body = Record<string, unknown>;

/** The audit stream of one namespace on a server, real or not. */
export type AuditServer = {
  put(events: readonly AuditEvent[]): Promise<void>;
  search(body: Body): Promise<ElasticsearchAnswer>;
  answer(question: AuditSearch): Promise<AuditAnswer>;
  count(query: Body): Promise<number>;
};

export function auditServer(server: Elasticsearch, namespace: string): AuditServer {
  const stream = auditStreamName("audit", namespace);
  const search = async (body: Body): Promise<ElasticsearchAnswer> => {
    const answer = await server.request({ method: "POST", path: `/${stream}/_search`, body });
    if (answer.status !== 200) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as ElasticsearchAnswer;
  };
  return {
    search,
    answer: async (question) => readElasticsearchAnswer(question, await search(elasticsearchBody(question))),
    async count(query) {
      const { hits } = await search({ size: 0, track_total_hits: true, query });
      return (hits as unknown as { total: { value: number } }).total.value;
    },
    async put(events) {
      const lines = chainedLines(events).flatMap((line) => {
        const { id, text } = documentOf(line, { logId: "log" });
        return [JSON.stringify({ create: { _index: stream, _id: id } }), text];
      });
      const { status, body } = await server.request({
        ...{ method: "POST", path: "/_bulk", query: { refresh: true } },
        lines,
      });
      if (status !== 200 || (body as { errors: boolean }).errors)
        throw new Error(`${status}: ${JSON.stringify(body).slice(0, 1000)}`);
    },
  };
}
