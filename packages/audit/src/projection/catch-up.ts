import type { AuditLog } from "../audit-log.ts";
import type { Projection } from "./projection.ts";

/** What one transaction takes: the event loop has to breathe between them. */
const batchMax = 500;

/**
 * Brings a projection to the log's head. One that ends in a record that the log does not have is made anew. Gives how
 * many records it read.
 */
export async function catchUp(
  projection: Projection,
  log: Pick<AuditLog, "lines" | "head">,
): Promise<number> {
  if (!(await isOf(projection, log))) projection.reset();
  const end = log.head().seq;
  let read = 0;
  let batch: string[] = [];
  const flush = (): void => {
    projection.add(batch);
    read += batch.length;
    batch = [];
  };
  for await (const line of log.lines(projection.head().seq + 1)) {
    if (projection.head().seq + batch.length >= end) break;
    if (batch.push(line) >= batchMax) flush();
  }
  flush();
  return read;
}

async function isOf(projection: Projection, log: Pick<AuditLog, "lines" | "head">): Promise<boolean> {
  const { seq, hash } = projection.head();
  if (seq === -1) return true;
  if (seq > log.head().seq) return false;
  for await (const line of log.lines(seq)) return (JSON.parse(line) as { hash: string }).hash === hash;
  return false;
}
