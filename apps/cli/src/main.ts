import { homedir } from "node:os";
import { resolve } from "node:path";
import { exitCodes } from "@locum/contracts";
import { systemClock } from "@locum/runtime";
import type { Io } from "./io.ts";
import { runLocum } from "./run-locum.ts";

const stopping = new AbortController();
let firstMs = 0;

const io: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: (name) => process.env[name] || undefined,
  home: homedir(),
  cwd: process.cwd(),
  root: resolve(import.meta.dirname ?? ".", "../../.."),
  clock: systemClock,
  signal: stopping.signal,
};

// One Ctrl-C may come twice: from the terminal and from a launcher that hands it on. A second one that a person means
// ends the process at once.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    if (!stopping.signal.aborted) firstMs = performance.now();
    else if (performance.now() - firstMs > 500) process.exit(exitCodes.interrupted);
    stopping.abort();
  });
// A reader that has seen enough (`locum audit tail | head`) is no failure; one that took the first line of `locum up`
// and left wants the rest to run.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (process.argv[2] !== "up") process.exit(error.code === "EPIPE" ? 0 : 1);
});

// Not awaited at the top level: the bundle is CommonJS, which has no such thing.
void runLocum(process.argv.slice(2), io).then((code) => process.stdout.write("", () => process.exit(code)));
