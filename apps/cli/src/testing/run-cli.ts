import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { systemClock } from "@locum/runtime";
import { runLocum } from "../run-locum.ts";

export type Ran = { code: number; stdout: string; stderr: string; json: Record<string, unknown>[] };
export type Desk = AsyncDisposable & {
  dir: string;
  run(...argv: string[]): Promise<Ran>;
};

/** A folder to stand in, a home of its own, and a terminal that remembers. */
export async function openDesk({
  env = {},
  isTTY = false,
  stdin,
  signal = new AbortController().signal,
}: {
  env?: Record<string, string>;
  isTTY?: boolean;
  /** What stands on standard input, at each command again. */
  stdin?: string | Uint8Array;
  signal?: AbortSignal;
} = {}): Promise<Desk> {
  const dir = await mkdtemp(join(tmpdir(), "locum-cli-"));
  const root = new URL("../../../..", import.meta.url).pathname;
  return {
    dir,
    async run(...argv) {
      const said = { stdout: "", stderr: "" };
      const sink = (name: keyof typeof said) => ({
        isTTY,
        columns: 80,
        write: (text: string) => {
          said[name] += text;
        },
      });
      const variables: Record<string, string> = { XDG_CONFIG_HOME: join(dir, "operator"), ...env };
      const code = await runLocum(argv, {
        stdin: stdin === undefined ? undefined : Readable.from([Buffer.from(stdin)]),
        stdout: sink("stdout"),
        stderr: sink("stderr"),
        env: (name) => variables[name],
        home: dir,
        cwd: dir,
        root,
        clock: systemClock,
        signal,
      });
      const lines = said.stdout.split("\n").filter((line) => line.startsWith("{"));
      return { code, ...said, json: argv.includes("--json") ? lines.map((line) => JSON.parse(line)) : [] };
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}
