import { leafHash } from "./merkle/merkle-hash.ts";
import { type RecordLine, readRecordLine } from "./read-record-line.ts";
import { genesis } from "./seal-record.ts";

/** What of a sequence of lines is not as it was written. Numbers are those of records. */
export type Difference = {
  altered: number[];
  missing: { from: number; to: number }[];
  /** `after` which record lines stand that belong nowhere; -1 before the first. */
  inserted: { after: number; lines: number }[];
  /** More was found than these lists hold. */
  more: boolean;
};

/** A record of which only the leaf's hash is at hand. */
export type KnownLeaf = { seq: number; leaf: Buffer };

const findingsMax = 1000;

/**
 * Finds what was altered, taken out or put in. `leafAt` gives the leaf of a record that was signed: it decides. Beyond
 * what was signed a line is what it says if its hash is right and it follows the one before.
 */
export function createComparison({ leafAt }: { leafAt: (seq: number) => Buffer | undefined }) {
  const difference: Difference = { altered: [], missing: [], inserted: [], more: false };
  let next = 0;
  /** The hash that the next record names as its previous; undefined after a gap or an altered one. */
  let previous: string | undefined = genesis;
  /** Lines since the last right one, by the number that they claim. */
  let strange: (number | undefined)[] = [];

  const add = <T>(list: T[], finding: T): void => {
    if (list.length < findingsMax) list.push(finding);
    else difference.more = true;
  };
  /** Strange lines take the places up to `seq`: their own if that is free, else the first; what is left is inserted. */
  const settle = (seq: number): void => {
    if (strange.length === 0 && seq === next) return;
    const claimed = new Set(strange.filter((claim) => claim !== undefined && claim >= next && claim < seq));
    let others = strange.length - claimed.size;
    let gap: number | undefined;
    for (let at = next; at < seq; at += 1) {
      const isAltered = claimed.has(at) || others > 0;
      if (isAltered && !claimed.has(at)) others -= 1;
      if (isAltered && gap !== undefined) add(difference.missing, { from: gap, to: at - 1 });
      if (isAltered) add(difference.altered, at);
      gap = isAltered ? undefined : (gap ?? at);
    }
    if (gap !== undefined) add(difference.missing, { from: gap, to: seq - 1 });
    if (others > 0) add(difference.inserted, { after: seq - 1, lines: others });
    strange = [];
  };
  /** Beyond what was signed nothing can be said of a hash. */
  const takeLeaf = ({ seq, leaf }: KnownLeaf): void => {
    const signed = seq < next ? undefined : leafAt(seq);
    if (!signed?.equals(leaf)) {
      strange.push(seq);
      return;
    }
    settle(seq);
    next = seq + 1;
    previous = undefined;
  };
  const isRight = (line: string, read: RecordLine): boolean => {
    if (read.seq < next) return false;
    const leaf = leafAt(read.seq);
    if (leaf) return leafHash(line).equals(leaf);
    const follows =
      read.seq !== next || previous === undefined || strange.length > 0 || read.previous === previous;
    return read.isWhole() && follows;
  };

  return {
    take(line: string | KnownLeaf): void {
      if (typeof line !== "string") {
        takeLeaf(line);
        return;
      }
      const read = readRecordLine(line);
      if (!read || !isRight(line, read)) {
        strange.push(read?.seq);
        return;
      }
      settle(read.seq);
      next = read.seq + 1;
      previous = read.hash;
    },
    /** `count` is how many records there have to be, where that is known. */
    end(count = 0): Difference & { records: number } {
      const claims = strange.filter(
        (claim) => claim !== undefined && claim >= next && claim < next + strange.length,
      );
      settle(Math.max(count, next + claims.length));
      return { ...difference, records: next };
    },
  };
}

export const isClean = ({ altered, missing, inserted }: Difference): boolean =>
  altered.length + missing.length + inserted.length === 0;
