import { createWriteStream, mkdirSync, openSync, renameSync, rmSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { effectsDigest, encodeInputLogLine, type InputLogLine } from "@locum/contracts";
import type { Effect, Input, ServiceState } from "@locum/coordination";
import type { Log } from "@locum/runtime";

/** Every input of one service, so that each decision can be made again, bit by bit. */
export type InputLog = {
  /** `before` begins a new file, when it is time for one. */
  append(input: Input, before: ServiceState): void;
  /** What was decided from the last input: its digest, so that a replay can be held against it. */
  decided(effects: readonly Effect[]): void;
  close(): Promise<void>;
};

/**
 * JSON lines in a ring of files: the first line of each is the state that its inputs begin with. Buffered, never
 * waited for: it serves those who ask why afterwards, and must not cost a decision. When the disk does not keep up or
 * is full, a file ends early and the next one begins with a state again, so that what is there always replays.
 */
export function openInputLog(
  folder: string,
  {
    say,
    fileBytesMax = 16_777_216,
    filesMax = 8,
    bufferedBytesMax = 4_194_304,
  }: {
    say: Log;
    fileBytesMax?: number;
    filesMax?: number;
    bufferedBytesMax?: number;
  },
): InputLog {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let stream: WriteStream | null = null;
  let written = 0;
  let failed = false;

  const end = (): void => {
    stream?.end();
    stream = null;
  };
  const fail = (error: unknown): void => {
    if (!failed) say("warn", "the input log is not written", { path: folder, error });
    failed = true;
  };
  const begin = (before: ServiceState): WriteStream | null => {
    try {
      rotate(folder, filesMax);
      // Opened at once: the next rotation must find the file under this name.
      const fd = openSync(nameOf(folder, 0), "w", 0o600);
      const opened = createWriteStream("", { fd });
      opened.on("error", (error) => {
        fail(error);
        if (stream === opened) stream = null;
      });
      const line = lineOf({ state: before });
      opened.write(line);
      written = line.length;
      failed = false;
      return opened;
    } catch (error) {
      fail(error);
      return null;
    }
  };
  const write = (entry: InputLogLine<ServiceState, Input>): void => {
    if (!stream) return;
    const line = lineOf(entry);
    written += line.length;
    stream.write(line);
  };
  return {
    append(input, before) {
      if (stream && (written > fileBytesMax || stream.writableLength > bufferedBytesMax)) end();
      // After a failure a new file is begun with the next tick, not with every input.
      if (!stream && failed && input.kind !== "tick") return;
      stream ??= begin(before);
      write({ input });
    },
    decided: (effects) => write({ effects: effectsDigest(effects) }),
    close: () =>
      new Promise((resolve) => {
        if (!stream) return resolve();
        stream.once("close", resolve);
        end();
      }),
  };
}

const lineOf = (entry: InputLogLine<ServiceState, Input>): string => `${encodeInputLogLine(entry)}\n`;

const nameOf = (folder: string, age: number): string =>
  join(folder, age === 0 ? "inputs.jsonl" : `inputs.${age}.jsonl`);

function rotate(folder: string, filesMax: number): void {
  rmSync(nameOf(folder, filesMax - 1), { force: true });
  for (let age = filesMax - 2; age >= 0; age -= 1) {
    try {
      renameSync(nameOf(folder, age), nameOf(folder, age + 1));
    } catch {
      // There is none of this age yet.
    }
  }
}
