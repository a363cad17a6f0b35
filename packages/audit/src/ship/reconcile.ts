import { auditDocumentId, auditStreamName, auditStreams } from "@locum/contracts";
import type { Elasticsearch } from "../elasticsearch/open-elasticsearch.ts";
import type { Ask } from "./ask-reader.ts";
import { type Item, itemOf } from "./batches-of.ts";
import { isObject } from "./bulk-outcome.ts";
import type { Letters } from "./letters.ts";
import { anyAuditStream, recordsQuery, refresh, search } from "./look-up.ts";
import { isOwnNote } from "./ship-note.ts";

const blockLength = 10_000;
const pageLength = 1000;
const bytesMax = 4_194_304;

export type Reconciled = {
  /** Records that were not there and were sent again. */
  resent: number;
  /** Copies of a record beyond the first. */
  doubled: number;
  /** Documents with the number of a record and another id. */
  foreign: number;
  /** Records that are older than what the stream keeps. */
  expired: number;
  /** Of what was sent again, the shipper's own notes. */
  own: number;
};

export type ReconcileOptions = {
  ask: Ask;
  resend(items: readonly Item[]): Promise<void>;
  lines: (first: number) => AsyncIterable<string>;
  letters: Pick<Letters, "read">;
  lettersFrom: number;
  logId: string;
  namespace: string;
  wallMs: number;
  signal: AbortSignal;
};

/** First and last record, both accounted for. */
type Range = { first: number; last: number };

/**
 * Compares the numbers of what the copy holds with the log's, block by block, and sends what is missing. Null where
 * nobody may look.
 */
export async function reconcile(
  ranges: readonly Range[],
  options: ReconcileOptions,
): Promise<Reconciled | null> {
  const { ask, namespace, signal } = options;
  const total: Reconciled = { resent: 0, doubled: 0, foreign: 0, expired: 0, own: 0 };
  const stream = auditStreamName("audit", namespace);
  // Also asks whether the stream may be read: of one that may not, a search over several says only that it is empty.
  if ((await ask((reader) => refresh(reader, { stream, signal }))) === null) return null;
  const hasLetter = createHasLetter(ranges, options);
  for (const range of ranges.flatMap(blocksOf)) {
    signal.throwIfAborted();
    if (await ask((reader) => isComplete(reader, range, options))) continue;
    for (let first = range.first; first <= range.last; first += pageLength)
      await mend(
        { first, last: Math.min(range.last, first + pageLength - 1) },
        { ...options, hasLetter },
        total,
      );
  }
  return total;
}

function blocksOf({ first, last }: Range): Range[] {
  const blocks: Range[] = [];
  for (let from = first; from <= last; ) {
    const to = Math.min(last, from - (from % blockLength) + blockLength - 1);
    blocks.push({ first: from, last: to });
    from = to + 1;
  }
  return blocks;
}

async function isComplete(
  reader: Elasticsearch,
  range: Range,
  { logId, signal }: ReconcileOptions,
): Promise<boolean> {
  const { total, aggregations } = await search(reader, {
    stream: anyAuditStream,
    signal,
    body: {
      size: 0,
      query: recordsQuery(range, logId),
      aggs: { first: { min: { field: "event.sequence" } }, last: { max: { field: "event.sequence" } } },
    },
  });
  const figure = (name: string): unknown => {
    const found = aggregations[name];
    return isObject(found) ? found.value : undefined;
  };
  return (
    total === range.last - range.first + 1 && figure("first") === range.first && figure("last") === range.last
  );
}

/** Sends what is not there of up to a thousand records. */
async function mend(
  range: Range,
  options: ReconcileOptions & { hasLetter: HasLetter },
  total: Reconciled,
): Promise<void> {
  const { ask, logId, signal, resend, wallMs, hasLetter } = options;
  const found = await ask((reader) =>
    search(reader, {
      stream: anyAuditStream,
      signal,
      body: { size: 10_000, query: recordsQuery(range, logId), _source: ["event.sequence"] },
    }),
  );
  if (!found) return;
  const there = new Set<number>();
  for (const { id, source } of found.hits) {
    const seq = isObject(source.event) ? Number(source.event.sequence) : Number.NaN;
    if (!(seq >= range.first && seq <= range.last) || id !== auditDocumentId(logId, seq)) total.foreign += 1;
    else if (there.has(seq)) total.doubled += 1;
    else there.add(seq);
  }
  if (there.size > range.last - range.first) return;
  let missing: Item[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    total.resent += missing.length;
    total.own += missing.filter(({ line }) => isOwnNote(line)).length;
    if (missing.length > 0) await resend(missing);
    missing = [];
    bytes = 0;
  };
  let seq = range.first;
  for await (const line of options.lines(range.first)) {
    if (seq > range.last) break;
    if (!there.has(seq) && !(await hasLetter(seq))) {
      if (isExpired(line, wallMs)) total.expired += 1;
      else {
        missing.push(itemOf(line, { seq, logId }));
        bytes += line.length;
      }
      if (bytes > bytesMax) await flush();
    }
    seq += 1;
  }
  await flush();
}

type HasLetter = (seq: number) => Promise<boolean>;

/** The records that are known not to be in the stream as they are: read once, when it is asked first; a bit a record. */
function createHasLetter(ranges: readonly Range[], { letters, lettersFrom }: ReconcileOptions): HasLetter {
  const maps = ranges.map(({ first, last }) => ({
    first,
    last,
    bits: new Uint8Array(((last - first) >> 3) + 1),
  }));
  const placeOf = (seq: number) => {
    const map = maps.find(({ first, last }) => seq >= first && seq <= last);
    return (
      map && { bits: map.bits, at: Math.floor((seq - map.first) / 8), bit: 1 << ((seq - map.first) % 8) }
    );
  };
  const read = async (): Promise<void> => {
    for await (const { seq } of letters.read(lettersFrom)) {
      const place = placeOf(seq);
      if (place) place.bits[place.at] = (place.bits[place.at] ?? 0) | place.bit;
    }
  };
  let reading: Promise<void> | undefined;
  return async (seq) => {
    reading ??= read();
    await reading;
    const place = placeOf(seq);
    return place !== undefined && ((place.bits[place.at] ?? 0) & place.bit) !== 0;
  };
}

const recordedAt = /,"at":"([^"]+)"/;
const keptMs = auditStreams.audit.days * 86_400_000;

/** The stream's lifecycle removes whole indices, so that what is about to expire may be gone already. */
function isExpired(line: string, wallMs: number): boolean {
  const at = Date.parse(recordedAt.exec(line)?.[1] ?? "");
  return wallMs - at > keptMs;
}
