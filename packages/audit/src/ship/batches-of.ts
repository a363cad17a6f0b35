import { type AuditDocument, documentOf } from "../elasticsearch/document.ts";

/** One record on its way. */
export type Item = {
  seq: number;
  line: string;
  /** Null where the line is damaged: no document can be made of it. */
  document: AuditDocument | null;
};
export type Batch = { first: number; items: Item[] };

/** The lines from a record on in batches, none of them larger than both limits unless it is one record. */
export async function* batchesOf(
  lines: AsyncIterable<string>,
  {
    first,
    last,
    logId,
    countMax,
    bytesMax,
  }: { first: number; last: number; logId: string; countMax: number; bytesMax: number },
): AsyncGenerator<Batch> {
  let batch: Batch = { first, items: [] };
  let bytes = 0;
  let seq = first;
  for await (const line of lines) {
    if (seq > last) break;
    const item = itemOf(line, { seq, logId });
    const size = Buffer.byteLength(item.document?.text ?? "");
    if (batch.items.length > 0 && (batch.items.length >= countMax || bytes + size > bytesMax)) {
      yield batch;
      batch = { first: seq, items: [] };
      bytes = 0;
    }
    batch.items.push(item);
    bytes += size;
    seq += 1;
  }
  if (batch.items.length > 0) yield batch;
}

/** The record's place says its number: a line that says another is damaged. */
export function itemOf(line: string, { seq, logId }: { seq: number; logId: string }): Item {
  try {
    const document = documentOf(line, { logId });
    return { seq, line, document: Number.parseInt(document.id.slice(-16), 16) === seq ? document : null };
  } catch {
    return { seq, line, document: null };
  }
}
