import type { ItemFate } from "./answer-bulk.ts";
import { type Answer, failed } from "./answers.ts";
import type { FamilyTraits } from "./family.ts";
import type { Mischief, Script } from "./mishap.ts";

/** What an item gets instead of being written. */
export function fateOfItem(
  mischief: readonly Mischief[],
  { chosen }: Script,
  traits: FamilyTraits,
  index: number,
  id: string,
): ItemFate {
  for (const one of mischief) {
    if (one.do === "divert" && chosen(one.which, index, id)) return "divert";
    if (one.do === "items" && chosen(one.which, index, id))
      return { status: one.status, type: one.type ?? errorType(one.status, traits) };
  }
  return undefined;
}

/** What a request gets instead of being done. */
export function refusal(
  { status, type, retryAfterS, html }: Extract<Mischief, { do: "answer" }>,
  traits: FamilyTraits,
): Answer {
  const headers: Record<string, string> =
    retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) };
  return html
    ? {
        status,
        body: "<html><body>Bad Gateway</body></html>",
        headers: { ...headers, "content-type": "text/html" },
      }
    : { ...failed(status, type ?? errorType(status, traits), "as the script says"), headers };
}

/** The usual one of a status. */
function errorType(status: number, { busyError, documentError }: FamilyTraits): string {
  const usual: Record<number, string> = {
    400: documentError,
    401: "security_exception",
    403: "security_exception",
    404: "index_not_found_exception",
    409: "version_conflict_engine_exception",
    429: busyError,
    503: "unavailable_shards_exception",
  };
  return usual[status] ?? "exception";
}
