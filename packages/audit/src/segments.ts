import { join } from "node:path";
import { assert, Fault } from "@locum/contracts";
import { type AppendFile, type LogFs, storageFault } from "./log-fs.ts";
import { lineBytesMax, linesBackward, linesForward } from "./read-lines.ts";

/** One file of a log. `first` is the number of its first line, and its name; `bytes` are those that count. */
export type Segment = { path: string; first: number; bytes: number };

/** Where in its file the line with this number begins. */
export type Mark = { first: number; at: number };
/** Between two marks lie about so many bytes. */
const markBytes = 65_536;

export type Segments = {
  /** Oldest first; the last one is written to. */
  list(): readonly Segment[];
  /**
   * Appends whole lines, the first of which has number `first`. Durable when it resolves; when it rejects, none of
   * them counts, now or after a restart, unless the process dies before the disk takes them back.
   */
  append(bytes: Buffer, first: number): Promise<void>;
  /** From the line on that begins at byte `at`. */
  forward(segment: Segment, at?: number): AsyncGenerator<string>;
  /** The last known beginning of a line at or before number `seq`: a reader at the end need not read it all. */
  near(segment: Segment, seq: number): Mark;
  backward(segment: Segment): AsyncGenerator<string>;
  /** Removes the segments whose every number is at most `seq`, never the last one. */
  removeUpTo(seq: number): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens a folder of numbered segment files. A line that a crash cut short at the end of the last one is given to
 * `repairTail`, which returns the line to keep in its place, or undefined to drop it, or throws.
 */
export async function openSegments({
  dir,
  segmentBytes,
  fs,
  repairTail,
}: {
  dir: string;
  segmentBytes: number;
  fs: LogFs;
  repairTail: (tail: string) => string | undefined;
}): Promise<Segments> {
  const segments = await withFault(`${dir} cannot be opened`, () => findSegments(fs, dir));
  const newest = (): Segment => {
    const last = segments.at(-1);
    assert(last, "a log has a segment that is written to");
    return last;
  };
  let file = await openLast(fs, dir, segments, repairTail);
  /** Of the newest segment, as far as it was written since it was opened. */
  let marks: Mark[] = [];
  /** Bytes beyond those that count may be in the file. */
  let dirty = false;

  const takeBack = async (): Promise<void> => {
    await file.truncate(newest().bytes);
    await file.sync();
    dirty = false;
  };
  const rotate = async (first: number): Promise<void> => {
    const next = { path: join(dir, nameOf(first)), first, bytes: 0 };
    const opened = await fs.openAppend(next.path);
    const size = await opened.size();
    if (size > 0) {
      await opened.close();
      throw new Fault("conflict", `${next.path}: expected no such segment, found ${size} bytes`);
    }
    const ended = file;
    file = opened;
    segments.push(next);
    marks = [];
    await ended.close();
  };
  const write = async (bytes: Buffer, first: number): Promise<void> => {
    if (dirty) await takeBack();
    if (newest().bytes > 0 && newest().bytes + bytes.length > segmentBytes) await rotate(first);
    const size = await file.size();
    if (size !== newest().bytes)
      throw new Fault("conflict", `${newest().path}: expected ${newest().bytes} bytes, found ${size}`, {
        hint: "Another process writes to this log: stop it.",
      });
    dirty = true;
    await file.append(bytes);
    await file.sync();
    if (newest().bytes - (marks.at(-1)?.at ?? 0) >= markBytes) marks.push({ first, at: newest().bytes });
    newest().bytes += bytes.length;
    dirty = false;
  };

  return {
    list: () => segments.map((segment) => ({ ...segment })),
    append: (bytes, first) =>
      withFault(`${dir} was not written`, async () => {
        try {
          await write(bytes, first);
        } catch (error) {
          // If the disk refuses this too, it is done before the next write.
          if (dirty) await takeBack().catch(() => {});
          throw error;
        }
      }),
    forward: ({ path, bytes }, start = 0) => linesForward(fs, { path, start, end: bytes }),
    near: ({ path, first }, seq) =>
      (path === newest().path ? marks.findLast((mark) => mark.first <= seq) : undefined) ?? { first, at: 0 },
    backward: ({ path, bytes }) => linesBackward(fs, { path, end: bytes }),
    removeUpTo: (seq) =>
      withFault(`${dir}: a segment was not removed`, async () => {
        for (let next = segments[1]; next && next.first <= seq + 1; next = segments[1]) {
          await fs.remove(segments[0]?.path ?? "");
          segments.shift();
        }
      }),
    close: () => file.close(),
  };
}

const nameOf = (first: number): string => `${String(first).padStart(20, "0")}.jsonl`;

async function findSegments(fs: LogFs, dir: string): Promise<Segment[]> {
  const names = (await fs.list(dir)).filter((name) => /^\d{20}\.jsonl$/.test(name)).sort();
  if (names.length === 0) names.push(nameOf(0));
  const segments: Segment[] = [];
  for (const name of names) {
    const path = join(dir, name);
    const opened = await fs.openAppend(path);
    segments.push({ path, first: Number(name.slice(0, 20)), bytes: await opened.size() });
    await opened.close();
  }
  return segments;
}

/** Opens the last segment for appending, after its torn tail is repaired. */
async function openLast(
  fs: LogFs,
  dir: string,
  segments: Segment[],
  repairTail: (tail: string) => string | undefined,
): Promise<AppendFile> {
  const last = segments.at(-1);
  assert(last, "a log has a segment that is written to");
  return withFault(`${dir} cannot be repaired`, async () => {
    const file = await fs.openAppend(last.path);
    try {
      const { tail, length } = await readTail(fs, last);
      if (length === 0) return file;
      const kept = repairTail(tail);
      await file.truncate(last.bytes - length);
      last.bytes -= length;
      if (kept !== undefined) {
        const bytes = Buffer.from(`${kept}\n`);
        await file.append(bytes);
        last.bytes += bytes.length;
      }
      await file.sync();
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  });
}

/** What follows the last newline. */
async function readTail(fs: LogFs, { path, bytes }: Segment): Promise<{ tail: string; length: number }> {
  const from = Math.max(0, bytes - lineBytesMax - 1);
  const buffer = Buffer.alloc(bytes - from);
  const file = await fs.openRead(path);
  try {
    for (let length = 0; length < buffer.length; ) {
      const count = await file.read(buffer.subarray(length), from + length);
      if (count === 0) throw new Fault("storage-failed", `${path} shrank while it was read`);
      length += count;
    }
  } finally {
    await file.close();
  }
  const newline = buffer.lastIndexOf(10);
  if (newline === -1 && from > 0)
    throw new Fault(
      "evidence-invalid",
      `${path}: expected lines of at most ${lineBytesMax} bytes, found more`,
    );
  const tail = buffer.subarray(newline + 1);
  return { tail: tail.toString("utf8"), length: tail.length };
}

async function withFault<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageFault(what, error);
  }
}
