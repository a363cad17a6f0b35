import type { Clock } from "@locum/runtime";

export type Sink = { write(text: string): unknown; isTTY?: boolean; columns?: number };

/** Everything outside that a command may touch but files and the network. */
export type Io = {
  /** Nothing, where nobody gave any. */
  stdin?: AsyncIterable<Uint8Array> | undefined;
  stdout: Sink;
  stderr: Sink;
  env(name: string): string | undefined;
  home: string;
  cwd: string;
  /** Folder of the repository, or of the bundles. */
  root: string;
  clock: Clock;
  /** Aborts with the first SIGINT or SIGTERM. */
  signal: AbortSignal;
};
