import type { Ask } from "./ask-reader.ts";
import { isObject } from "./bulk-outcome.ts";
import { anyAuditStream, recordsQuery, refresh, search } from "./look-up.ts";

/**
 * The first of a log's records that was never sent, told by the stream itself: for a shipper that has no cursor, or lost
 * it. Without a reader nothing is known, and a conflict has to do.
 */
export async function sentBefore(
  ask: Ask,
  { stream, logId, length, signal }: { stream: string; logId: string; length: number; signal: AbortSignal },
): Promise<number> {
  const last = await ask(async (reader) => {
    if (!(await refresh(reader, { stream, signal }))) return undefined;
    const { aggregations } = await search(reader, {
      stream: anyAuditStream,
      signal,
      body: {
        size: 0,
        query: recordsQuery({ first: 0, last: length - 1 }, logId),
        aggs: { last: { max: { field: "event.sequence" } } },
      },
    });
    return isObject(aggregations.last) ? aggregations.last.value : undefined;
  });
  return typeof last === "number" ? Math.min(Math.floor(last) + 1, length) : 0;
}
