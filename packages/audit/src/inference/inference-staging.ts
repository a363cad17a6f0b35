import { join } from "node:path";
import type { InferenceRecord } from "@locum/contracts";
import type { AppendFile, LogFs } from "../log-fs.ts";
import {
  type BatchRoot,
  createBatchRoot,
  type InferenceBatch,
  inferenceLine,
  readBatch,
} from "./inference-batch.ts";

/** Batches in the state folder, until sink and audit log have them: one that grows, and those that are closed. */
export type Staging = {
  bytes(): number;
  /** On disk when it resolves: the first so many of the records. Closes the batch when it is full. */
  append(records: readonly InferenceRecord[]): Promise<number>;
  /** Closes the batch that grows, if it is that old. */
  seal(olderThanMs?: number): Promise<void>;
  /** Gives the closed ones away, oldest first; each is removed when `give` has taken it. Beside `append`, one at a time. */
  ship(give: (batch: InferenceBatch, text: string) => Promise<void>): Promise<void>;
};

type Open = {
  path: string;
  file: AppendFile;
  bytes: number;
  records: number;
  sinceMs: number;
  root: BatchRoot;
  /** Bytes beyond those that count may be in the file. */
  dirty: boolean;
};
/** `batch` is known where this process wrote the file. */
type Closed = { bytes: number; batch: InferenceBatch | undefined };

/** Their text is made in one turn. */
const linesPerAppend = 256;

export function createStaging({
  dir,
  fs,
  monotonicMs,
  batchRecords,
  batchBytes,
}: {
  dir: string;
  fs: LogFs;
  monotonicMs: () => number;
  batchRecords: number;
  batchBytes: number;
}): Staging {
  let open: Open | null = null;
  let looking: Promise<Map<string, Closed>> | null = null;
  let closedBytes = 0;
  let serial = 0;

  /** What an earlier process left is closed: nothing is appended to a file that may be in the sink already. */
  const survey = async (): Promise<Map<string, Closed>> => {
    const found = new Map<string, Closed>();
    for (const name of (await fs.list(dir)).filter((one) => /^\d{12}\.ndjson$/.test(one)).sort()) {
      const bytes = Buffer.byteLength((await fs.readSmall(join(dir, name))) ?? "");
      found.set(join(dir, name), { bytes, batch: undefined });
      serial = Number(name.slice(0, 12)) + 1;
    }
    closedBytes = [...found.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    return found;
  };
  /** Once, for whoever asks first: what is found later is our own. */
  const look = (): Promise<Map<string, Closed>> => {
    looking ??= survey().catch((error: unknown) => {
      looking = null;
      throw error;
    });
    return looking;
  };
  const begin = async (): Promise<Open> => {
    await look();
    const path = join(dir, `${String(serial).padStart(12, "0")}.ndjson`);
    const file = await fs.openAppend(path);
    serial += 1;
    const root = createBatchRoot();
    return { path, file, bytes: 0, records: 0, sinceMs: monotonicMs(), root, dirty: false };
  };
  const takeBack = async (batch: Open): Promise<void> => {
    if (!batch.dirty) return;
    await batch.file.truncate(batch.bytes);
    batch.dirty = false;
  };
  const seal = async (): Promise<void> => {
    if (!open) return;
    const ending = open;
    // What the caller was not told is on disk comes again, in another batch.
    await takeBack(ending);
    const files = await look();
    await ending.file.close();
    open = null;
    files.set(ending.path, { bytes: ending.bytes, batch: ending.root.batch() });
    closedBytes += ending.bytes;
  };

  return {
    bytes: () => closedBytes + (open?.bytes ?? 0),
    async append(records) {
      open ??= await begin();
      const batch = open;
      const some = records.slice(0, Math.min(linesPerAppend, batchRecords - batch.records));
      const lines = some.map(inferenceLine);
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      await takeBack(batch);
      batch.dirty = true;
      await batch.file.append(bytes);
      await batch.file.sync();
      batch.dirty = false;
      batch.bytes += bytes.length;
      batch.records += some.length;
      for (const [index, record] of some.entries()) batch.root.add(lines[index] ?? "", record);
      return some.length;
    },
    async seal(olderThanMs = 0) {
      if (!open) return;
      const isFull = open.records >= batchRecords || open.bytes >= batchBytes;
      if (isFull || monotonicMs() - open.sinceMs >= olderThanMs) await seal();
    },
    async ship(give) {
      const files = await look();
      for (const [path, { bytes, batch: known }] of [...files]) {
        const text = (await fs.readSmall(path)) ?? "";
        const read = known ? undefined : await readBatch(text);
        const batch = known ?? read?.batch;
        if (batch) await give(batch, read ? read.lines.map((line) => `${line}\n`).join("") : text);
        await fs.remove(path);
        files.delete(path);
        closedBytes -= bytes;
      }
    },
  };
}
