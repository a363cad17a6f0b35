import { createWriteStream, mkdirSync, openSync, renameSync, rmSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import type { Input, ServiceState } from "@locum/coordination";
import type { Log } from "@locum/runtime";

/** Every input of one service, so that each decision can be made again, bit by bit. */
export type InputLog = {
  /** `before` begins a new file, when it is time for one. */
  append(input: Input, before: ServiceState): void;
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
      const line = encodeLine({ state: before });
      opened.write(line);
      written = line.length;
      failed = false;
      return opened;
    } catch (error) {
      fail(error);
      return null;
    }
  };
  return {
    append(input, before) {
      if (stream && (written > fileBytesMax || stream.writableLength > bufferedBytesMax)) end();
      // After a failure a new file is begun with the next tick, not with every input.
      if (!stream && failed && input.kind !== "tick") return;
      stream ??= begin(before);
      const line = encodeLine({ input });
      written += line.length;
      stream?.write(line);
    },
    close: () =>
      new Promise((resolve) => {
        if (!stream) return resolve();
        stream.once("close", resolve);
        end();
      }),
  };
}

export type InputLogLine = { state: ServiceState } | { input: Input };

// Infinity is a time in a state ("never"), and JSON has no word for it.
export const encodeLine = (line: InputLogLine): string =>
  `${JSON.stringify(line, (_, value: unknown) => (value === Number.POSITIVE_INFINITY ? { $: "Infinity" } : value))}\n`;
export const decodeLine = (text: string): InputLogLine =>
  JSON.parse(text, (_, value: unknown) =>
    isInfinity(value) ? Number.POSITIVE_INFINITY : value,
  ) as InputLogLine;

const isInfinity = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "$" in value && value.$ === "Infinity";

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
