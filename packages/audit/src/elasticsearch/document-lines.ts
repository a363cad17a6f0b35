import { auditStreamName, canonicalJson, Fault } from "@locum/contracts";
import { z } from "zod";
import type { KnownLeaf } from "../compare-records.ts";
import { documentOf, envelopeOf } from "./document.ts";
import type { Elasticsearch } from "./open-elasticsearch.ts";

const Hit = z.object({ _id: z.string(), _source: z.looseObject({ event: z.looseObject({}).optional() }) });
const Found = z.object({
  hits: z.object({ hits: z.array(Hit) }),
  timed_out: z.literal(false),
  _shards: z.object({ failed: z.literal(0) }),
});
type Hit = z.infer<typeof Hit>;

/** In one answer; more documents of one number than this are not told one by one. */
const pageMax = 2000;

/**
 * What Elasticsearch says the lines of a log are, by their numbers: for a verifier, which trusts nothing of it. A
 * document that says something else than its line, or stands under another id, is no line of the log; one that was too
 * large to be sent whole is told by its hash.
 * @throws Fault upstream-unreachable | storage-failed where it does not answer in full
 */
export async function* documentLines(
  server: Elasticsearch,
  { logId, namespace }: { logId: string; namespace: string },
): AsyncGenerator<string | KnownLeaf> {
  const stream = auditStreamName("audit", namespace);
  const ours = { term: { "locum.log.id": logId } };
  const search = async (query: Record<string, unknown>): Promise<Hit[]> => {
    const sort = [{ "event.sequence": { order: "asc", missing: "_last" } }];
    const answer = await server.request({
      method: "POST",
      path: `/${stream}/_search`,
      query: { ignore_unavailable: true, allow_no_indices: true },
      body: { size: pageMax, sort, query, track_total_hits: false },
    });
    const found = Found.safeParse(answer.body);
    if (answer.status === 200 && found.success) return found.data.hits.hits;
    throw new Fault("storage-failed", `${stream} was not read in full: the answer was ${answer.status}`, {
      hint: "The key needs read on logs-locum.*; locum audit setup --keys makes one.",
    });
  };

  await server.request({ method: "POST", path: `/${stream}/_refresh` });
  for (let from = 0; ; ) {
    const hits = await search({ bool: { filter: [ours, { range: { "event.sequence": { gte: from } } }] } });
    const last = numberOf(hits.at(-1));
    const isLast = hits.length < pageMax || last === undefined;
    // The last number of a full page may go on in the next; a page of one number alone is let go.
    const whole = isLast || last === from ? hits : hits.filter((hit) => numberOf(hit) !== last);
    for (const hit of whole) yield lineOf(hit, logId);
    if (isLast) break;
    from = last === from ? from + 1 : last;
  }
  const unnumbered = { bool: { filter: [ours], must_not: [{ exists: { field: "event.sequence" } }] } };
  for (const hit of await search(unnumbered)) yield lineOf(hit, logId);
}

const numberOf = (hit: Hit | undefined): number | undefined => {
  const sequence = hit?._source.event?.sequence;
  return typeof sequence === "number" && Number.isSafeInteger(sequence) ? sequence : undefined;
};

/** Nothing that a log ever wrote; it keeps the number that it claims, so that its neighbours are not blamed. */
const noLine = (seq: number | undefined): string | KnownLeaf =>
  seq === undefined ? "" : { seq, leaf: Buffer.alloc(32) };

function lineOf(hit: Hit, logId: string): string | KnownLeaf {
  const { _id, _source } = hit;
  const { event = {}, ...others } = _source;
  const { ingested: _, ...own } = event;
  const said = { ...others, event: own };
  const { original, hash, sequence } = own;
  try {
    if (typeof original === "string") {
      const reason = (others.error as { message?: unknown } | undefined)?.message;
      const made =
        own.kind === "pipeline_error"
          ? envelopeOf(original, { logId, reason: String(reason), originalMax: Number.POSITIVE_INFINITY })
          : documentOf(original, { logId });
      return made.id === _id && canonicalJson(JSON.parse(made.text)) === canonicalJson(said)
        ? original
        : noLine(numberOf(hit));
    }
  } catch {
    return noLine(numberOf(hit));
  }
  const isHash = typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash);
  const isPointer = own.kind === "pipeline_error" && isHash && typeof sequence === "number";
  return isPointer ? { seq: sequence, leaf: Buffer.from(hash, "hex") } : noLine(numberOf(hit));
}
