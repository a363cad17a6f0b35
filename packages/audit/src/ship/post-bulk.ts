import { auditStreamName } from "@locum/contracts";
import type { AuditDocument } from "../elasticsearch/document.ts";
import type { Elasticsearch, ServerAnswer } from "../elasticsearch/open-elasticsearch.ts";
import { bulkFilterPath, type ItemOutcome, type RequestOutcome, readBulkAnswer } from "./bulk-outcome.ts";

/** An envelope without its original is smaller. */
const smallLength = 8192;

/** One bulk request, once. Every way in which it can end is an outcome, one an item or one for all. */
export async function postBulk(
  server: Elasticsearch,
  documents: readonly AuditDocument[],
  {
    namespace,
    requireDataStream,
    signal,
  }: { namespace: string; requireDataStream: boolean; signal: AbortSignal },
): Promise<ItemOutcome[] | RequestOutcome> {
  const stream = auditStreamName("audit", namespace);
  const lines: string[] = [];
  const ids: string[] = [];
  for (const { id, text } of documents) {
    ids.push(id);
    lines.push(`{"create":{"_index":"${stream}","_id":"${id}"}}`, text);
  }
  let answer: ServerAnswer;
  try {
    answer = await server.request({
      method: "POST",
      path: "/_bulk",
      // Only Elasticsearch knows it: OpenSearch refuses the request.
      query: { filter_path: bulkFilterPath, ...(requireDataStream ? { require_data_stream: true } : {}) },
      lines,
      signal,
    });
  } catch (error) {
    return { of: "none", reason: (error as Error).message.slice(0, 300) };
  }
  const isSmall = lines.length === 2 && (lines[1]?.length ?? 0) <= smallLength;
  return readBulkAnswer(answer, { ids, stream, isSmall });
}
