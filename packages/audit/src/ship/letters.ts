import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { createGroupCommit } from "../group-commit.ts";
import type { LogFs } from "../log-fs.ts";
import { openSegments, type Segment, type Segments } from "../segments.ts";
import { checksum } from "../spool-line.ts";

export type Letter = {
  /** Of the letter itself; grows. */
  number: number;
  /** Of the record. */
  seq: number;
  outcome: "quarantined" | "rejected";
  reason: string;
  at: string;
  /** The number of the letter that this one is a copy of. */
  was: number | null;
  line: string;
};
export type NewLetter = Omit<Letter, "number">;

/**
 * Dead letters: records that are not in the stream as they are, each with its line and the reason. A letter is on disk
 * before anything else is done about its record.
 */
export type Letters = {
  /** The number that the next letter gets. */
  end(): number;
  /** Gives the first number. Durable when it resolves. @throws Fault disk-full | storage-failed */
  put(letters: readonly NewLetter[]): Promise<number>;
  /** From a number on; a damaged one is left out. */
  read(from: number): AsyncGenerator<Letter>;
  removeBelow(number: number): Promise<void>;
  close(): Promise<void>;
};

export async function openLetters({
  dir,
  fs,
  bytesMax = 4_294_967_296,
}: {
  dir: string;
  fs: LogFs;
  bytesMax?: number;
}): Promise<Letters> {
  const folder = join(dir, "dead-letters");
  // A letter that was cut was never confirmed: its record is sent again.
  const segments = await openSegments({
    dir: folder,
    segmentBytes: 8_388_608,
    fs,
    repairTail: () => undefined,
  });
  let end = await findEnd(segments);
  const bytes = (): number => segments.list().reduce((sum, segment) => sum + segment.bytes, 0);
  const commits = createGroupCommit<readonly NewLetter[], number>({
    async commit(batches) {
      const first = end;
      const firsts: number[] = [];
      const lines: string[] = [];
      for (const batch of batches) {
        firsts.push(first + lines.length);
        for (const letter of batch)
          lines.push(`${letterLine({ ...letter, number: first + lines.length })}\n`);
      }
      const buffer = Buffer.from(lines.join(""));
      if (bytes() + buffer.length > bytesMax)
        throw new Fault("disk-full", `${folder} holds its ${bytesMax} bytes: nothing in it was dropped`, {
          hint: "Mend the mapping and run locum audit replay.",
        });
      await segments.append(buffer, first);
      end = first + lines.length;
      return firsts;
    },
  });
  return {
    end: () => end,
    put: (letters) => commits.push(letters),
    async *read(from) {
      for (const segment of from >= end ? [] : reaching(segments, from))
        for await (const line of segments.forward(segment)) {
          const letter = readLetterLine(line);
          if (letter && letter.number >= from) yield letter;
        }
    },
    removeBelow: (number) => segments.removeUpTo(number - 1),
    async close() {
      await commits.idle();
      await segments.close();
    },
  };
}

/** `<CRC-32> <what is said of the record, JSON>\t<its line>`: no tab is in either but the first. */
function letterLine({ line, ...head }: Letter): string {
  const rest = `${JSON.stringify(head)}\t${line}`;
  return `${checksum(rest)} ${rest}`;
}

function readLetterLine(text: string): Letter | undefined {
  const rest = text.slice(9);
  if (text.slice(0, 8) !== checksum(rest)) return undefined;
  const tab = rest.indexOf("\t");
  return { ...(JSON.parse(rest.slice(0, tab)) as Omit<Letter, "line">), line: rest.slice(tab + 1) };
}

const numberOf = (text: string): number | undefined => readLetterLine(text)?.number;

/** A number is never given twice: a damaged letter has one too. */
async function findEnd(segments: Segments): Promise<number> {
  const last = segments.list().at(-1);
  if (!last) return 0;
  let end = last.first;
  for await (const line of segments.forward(last)) end = Math.max(end + 1, (numberOf(line) ?? -1) + 1);
  return end;
}

function reaching(segments: Segments, from: number): Segment[] {
  const list = segments.list();
  return list.filter((_, index) => (list[index + 1]?.first ?? Number.POSITIVE_INFINITY) > from);
}
