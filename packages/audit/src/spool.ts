import { type AuditEvent, Fault } from "@locum/contracts";
import { createGroupCommit } from "./group-commit.ts";
import { type LogFs, nodeLogFs, storageFault } from "./log-fs.ts";
import { fitEvent } from "./seal-record.ts";
import { openSegments, type Segment, type Segments } from "./segments.ts";
import { readSpoolLine, type SpooledEvent, spoolLine, spoolLineSeq } from "./spool-line.ts";
import { openWatermark } from "./watermark.ts";

/**
 * The durable queue of a sidecar's events until the collector has them on disk. Numbers only grow, across restarts
 * too; after a crash an event that was confirmed may be sent again under its number, never under another.
 */
export type Spool = {
  /**
   * Resolves with the number when the event is on disk; puts that come together share one flush. A full spool or disk
   * rejects (disk-full, storage-failed): nothing in the spool is dropped for it, and the caller still has the event.
   */
  put(event: AuditEvent): Promise<number>;
  /** The oldest events that are not acknowledged, in order. */
  pending(limit: number): Promise<SpooledEvent[]>;
  /** Everything up to this number is safe elsewhere. A number that was never given is capped. */
  acknowledge(upToSeq: number): Promise<void>;
  stats(): SpoolStats;
  close(): Promise<void>;
};

export type SpoolStats = {
  /** Not acknowledged. */
  waiting: number;
  bytes: number;
  /** Puts that failed. */
  refused: number;
  /** Lines that the disk gave back damaged; they cannot be sent. */
  damaged: number;
};

const limitMax = 10_000;

/** @throws Fault disk-full | storage-failed */
export async function openSpool({
  dir,
  bytesMax = 268_435_456,
  fs = nodeLogFs,
}: {
  dir: string;
  bytesMax?: number;
  fs?: LogFs;
}): Promise<Spool> {
  // Space comes back a segment at a time, so a small spool has small ones.
  const segmentBytes = Math.max(4096, Math.min(1_048_576, Math.floor(bytesMax / 8)));
  const segments = await openSegments({ dir, segmentBytes, fs, repairTail });
  const watermark = await openWatermark({ dir, fs }).catch((error: unknown) => {
    throw storageFault(`${dir} cannot be opened`, error);
  });
  const found = await survey(segments, watermark.value());
  let last = found.last;
  let refused = 0;
  const bytes = (): number => segments.list().reduce((sum, segment) => sum + segment.bytes, 0);

  const commits = createGroupCommit<AuditEvent, number>({
    async commit(events) {
      const first = last + 1;
      const lines = events.map((event, index) => `${spoolLine({ seq: first + index, event })}\n`);
      const buffer = Buffer.from(lines.join(""));
      if (bytes() + buffer.length > bytesMax)
        throw new Fault("disk-full", `the spool holds its ${bytesMax} bytes: nothing in it was dropped`, {
          hint: "The collector has been away for long: bring it back, or give the spool more room.",
        });
      await segments.append(buffer, first);
      last += events.length;
      return events.map((_, index) => first + index);
    },
  });

  return {
    async put(event) {
      try {
        return await commits.push(fitEvent(event));
      } catch (error) {
        refused += 1;
        throw error;
      }
    },
    pending: (limit) => readPending(segments, watermark.value(), Math.min(limit, limitMax)),
    async acknowledge(upToSeq) {
      const seq = Math.min(upToSeq, last);
      if (!(seq > watermark.value())) return;
      try {
        await watermark.raise(seq);
      } catch (error) {
        throw storageFault(`${dir}: the acknowledgement was not written`, error);
      }
      await segments.removeUpTo(seq);
    },
    stats: () => ({ waiting: last - watermark.value(), bytes: bytes(), refused, damaged: found.damaged }),
    async close() {
      await commits.idle();
      await watermark.close();
      await segments.close();
    },
  };
}

async function readPending(segments: Segments, acknowledged: number, limit: number): Promise<SpooledEvent[]> {
  const events: SpooledEvent[] = [];
  for (const segment of unacknowledged(segments, acknowledged)) {
    for await (const line of segments.forward(segment)) {
      if (events.length >= limit) return events;
      const seq = spoolLineSeq(line);
      const read = seq !== undefined && seq > acknowledged ? readSpoolLine(line) : undefined;
      if (read) events.push(read);
    }
  }
  return events;
}

/** The last number that may have been given, and what of the rest cannot be read. */
async function survey(segments: Segments, acknowledged: number): Promise<{ last: number; damaged: number }> {
  let last = acknowledged;
  let damaged = 0;
  for (const segment of unacknowledged(segments, acknowledged)) {
    let highest = segment.first - 1;
    for await (const line of segments.forward(segment)) {
      const seq = spoolLineSeq(line);
      // A damaged line may be two whose newline was lost: no number is ever given twice, gaps are harmless.
      if (seq === undefined) {
        damaged += 1;
        highest += 2;
      } else highest = Math.max(highest, seq);
    }
    last = Math.max(last, highest);
  }
  return { last, damaged };
}

function unacknowledged(segments: Segments, acknowledged: number): Segment[] {
  const list = segments.list();
  return list.filter((_, index) => (list[index + 1]?.first ?? Number.POSITIVE_INFINITY) > acknowledged + 1);
}

/** A line that lost its newline is kept; one that was cut was never confirmed. */
function repairTail(tail: string): string | undefined {
  return [tail, tail.slice(0, -1)].find((line) => spoolLineSeq(line) !== undefined);
}
