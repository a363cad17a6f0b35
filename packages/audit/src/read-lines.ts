import { Fault } from "@locum/contracts";
import type { LogFs } from "./log-fs.ts";

/** The longest line that is read; a writer stays far below it. */
export const lineBytesMax = 1_048_576;
const pieceBytes = 65_536;

type Range = { path: string; end: number };

/**
 * The lines of `[start, end)` from the first on, without their newline; one begins at `start`. What follows the last
 * newline comes too.
 */
export async function* linesForward(
  fs: LogFs,
  { path, start: first = 0, end }: Range & { start?: number },
): AsyncGenerator<string> {
  let carry = Buffer.alloc(0);
  for await (const piece of pieces(fs, path, forwardSteps(first, end))) {
    carry = join(carry, piece);
    let start = 0;
    for (let at = carry.indexOf(10); at !== -1; at = carry.indexOf(10, start)) {
      yield carry.toString("utf8", start, at);
      start = at + 1;
    }
    carry = bounded(path, carry.subarray(start));
  }
  if (carry.length > 0) yield carry.toString("utf8");
}

/** The same lines from the last on. */
export async function* linesBackward(fs: LogFs, { path, end }: Range): AsyncGenerator<string> {
  let carry = Buffer.alloc(0);
  let isTail = true;
  for await (const piece of pieces(fs, path, backwardSteps(end))) {
    carry = join(piece, carry);
    let stop = carry.length;
    for (
      let at = carry.lastIndexOf(10, stop - 1);
      at !== -1;
      at = at === 0 ? -1 : carry.lastIndexOf(10, at - 1)
    ) {
      const line = carry.toString("utf8", at + 1, stop);
      // Nothing follows the last newline of a whole file.
      if (!(isTail && line === "")) yield line;
      isTail = false;
      stop = at;
    }
    carry = bounded(path, carry.subarray(0, stop));
  }
  if (carry.length > 0 || !isTail) yield carry.toString("utf8");
}

async function* pieces(fs: LogFs, path: string, steps: Iterable<[number, number]>): AsyncGenerator<Buffer> {
  const file = await fs.openRead(path);
  try {
    for (const [from, to] of steps) {
      const buffer = Buffer.alloc(to - from);
      let length = 0;
      while (length < buffer.length) {
        const count = await file.read(buffer.subarray(length), from + length);
        if (count === 0)
          throw new Fault(
            "evidence-invalid",
            `${path}: expected ${to} bytes or more, found ${from + length}`,
          );
        length += count;
      }
      yield buffer;
    }
  } finally {
    await file.close();
  }
}

function* forwardSteps(start: number, end: number): Generator<[number, number]> {
  for (let from = start; from < end; from += pieceBytes) yield [from, Math.min(end, from + pieceBytes)];
}

function* backwardSteps(end: number): Generator<[number, number]> {
  for (let to = end; to > 0; to -= pieceBytes) yield [Math.max(0, to - pieceBytes), to];
}

const join = (a: Buffer, b: Buffer): Buffer<ArrayBuffer> => Buffer.concat([a, b]);

function bounded<B extends Buffer>(path: string, carry: B): B {
  if (carry.length > lineBytesMax)
    throw new Fault(
      "evidence-invalid",
      `${path}: expected lines of at most ${lineBytesMax} bytes, found more`,
    );
  return carry;
}
