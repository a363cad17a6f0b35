import type { ServerAnswer } from "../elasticsearch/open-elasticsearch.ts";

export type ItemOutcome = {
  of: "item";
  status: number;
  /** Empty where there was no error. */
  type: string;
  reason: string;
  failureStore: string | null;
  /** The document went into an index that has the stream's name: there is no stream. */
  plainIndex: boolean;
};

export type RequestOutcome =
  | { of: "none"; reason: string }
  | { of: "unreadable"; reason: string }
  | { of: "request"; status: number; type: string; reason: string; isSmall: boolean };

export type BulkOutcome = ItemOutcome | RequestOutcome;

/** What an answer needs to have for `readBulkAnswer`, and nothing else. */
export const bulkFilterPath = [
  "errors",
  "status",
  "error.type",
  "error.reason",
  "items.*._id",
  "items.*._index",
  "items.*.status",
  "items.*.failure_store",
  "items.*.error.type",
  "items.*.error.reason",
].join(",");

/**
 * Reads the answer to a bulk request of `create` operations, one outcome an id in their order. An answer that is not
 * exactly about what was asked acknowledges nothing: a proxy's page with status 200, items too few, in another order
 * or of other ids.
 */
export function readBulkAnswer(
  { status, body }: ServerAnswer,
  { ids, stream, isSmall }: { ids: readonly string[]; stream: string; isSmall: boolean },
): ItemOutcome[] | RequestOutcome {
  if (status !== 200) return { of: "request", status, ...errorOf(body), isSmall };
  const items = isObject(body) ? body.items : undefined;
  if (!Array.isArray(items)) return { of: "unreadable", reason: "expected items, found none" };
  if (items.length !== ids.length)
    return { of: "unreadable", reason: `expected ${ids.length} items, found ${items.length}` };
  const outcomes: ItemOutcome[] = [];
  for (const [index, id] of ids.entries()) {
    const item: unknown = items[index];
    const done = isObject(item) ? item.create : undefined;
    if (!isObject(done) || done._id !== id || !Number.isInteger(done.status))
      return { of: "unreadable", reason: `expected item ${index} to be of ${id}` };
    outcomes.push({
      of: "item",
      status: Number(done.status),
      ...errorOf(done),
      failureStore: typeof done.failure_store === "string" ? done.failure_store : null,
      plainIndex: done._index === stream,
    });
  }
  return outcomes;
}

const reasonMax = 500;

export function errorOf(body: unknown): { type: string; reason: string } {
  const error = isObject(body) ? body.error : undefined;
  if (typeof error === "string") return { type: "", reason: cut(error) };
  if (!isObject(error)) return { type: "", reason: typeof body === "string" ? cut(body) : "" };
  return {
    type: typeof error.type === "string" ? error.type.slice(0, 100).toWellFormed() : "",
    reason: typeof error.reason === "string" ? cut(error.reason) : "",
  };
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const cut = (text: string): string => text.slice(0, reasonMax).toWellFormed();
