import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { AuditLog } from "@locum/audit";
import { canonicalJson } from "@locum/contracts";
import { quantile } from "../quantile.ts";
import { benchEvent } from "./bench-event.ts";
import { timed } from "./timed.ts";

type Pace = { perSecond: number; msP50: number; msP99: number };
const rounds = 5;

/**
 * Appends to the log and flushes the same bytes bare, in turns, for the disk of a shared machine is never the same
 * twice; medians of the rounds.
 */
export async function benchAppend(
  log: AuditLog,
  { dir, count, writers }: { dir: string; count: number; writers: number },
): Promise<Pace & { barePerSecond: number; ofBare: number }> {
  const file = await open(join(dir, "bare"), "a");
  const paces: { own: Pace; bare: Pace }[] = [];
  const share = Math.ceil(count / rounds);
  for (let first = 0; first < count; first += share) {
    const end = Math.min(count, first + share);
    const bare = await writeBare(file, Math.min(share, 40_000), writers);
    const own = await drive(end - first, writers, async (index) => {
      await log.append([benchEvent(first + index, count)]);
    });
    paces.push({ own, bare });
  }
  await file.close();
  const median = (of: (pace: (typeof paces)[number]) => number): number => quantile(paces.map(of), 0.5);
  return {
    perSecond: median(({ own }) => own.perSecond),
    msP50: median(({ own }) => own.msP50),
    msP99: median(({ own }) => own.msP99),
    barePerSecond: median(({ bare }) => bare.perSecond),
    ofBare: median(({ own, bare }) => own.perSecond / bare.perSecond),
  };
}

/** Each writer waits for its event to be on disk and then writes the next. */
async function drive(count: number, writers: number, write: (index: number) => Promise<void>): Promise<Pace> {
  const times = new Float64Array(count);
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const startedMs = performance.now();
      await write(index);
      times[index] = performance.now() - startedMs;
    }
  };
  const ms = await timed(async () => void (await Promise.all(Array.from({ length: writers }, writer))));
  const sorted = [...times];
  return { perSecond: (count / ms) * 1000, msP50: quantile(sorted, 0.5), msP99: quantile(sorted, 0.99) };
}

/** The same bytes in the same groups with nothing done but to write and flush them. */
async function writeBare(file: FileHandle, count: number, writers: number): Promise<Pace> {
  const line = Buffer.from(
    `${canonicalJson({ seq: count, event: benchEvent(1, count), previous: "0".repeat(64), hash: "0".repeat(64) })}\n`,
  );
  let waiting: (() => void)[] = [];
  let running = false;
  const flush = async (): Promise<void> => {
    running = true;
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await file.writeFile(Buffer.concat(batch.map(() => line)));
      await file.datasync();
      for (const resolve of batch) resolve();
    }
    running = false;
  };
  return drive(count, writers, () => {
    const written = new Promise<void>((resolve) => waiting.push(resolve));
    if (!running) void flush();
    return written;
  });
}
