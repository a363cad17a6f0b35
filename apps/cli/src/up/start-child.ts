import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Fault, type FaultCode, faultTable } from "@locum/contracts";

export type Child = {
  process: ChildProcess;
  /** The one line of JSON that it prints when it listens. @throws Fault why it ended before */
  line: Promise<Record<string, unknown>>;
  exit: Promise<{ code: number | null; signal: string | null }>;
};

/**
 * Ends a child when the process that holds its standard input is gone, however that one died: nothing outlives
 * `locum up`. Its own way of stopping comes first; then it has ten seconds.
 */
const endsWithParent = `data:text/javascript,${encodeURIComponent(
  'process.stdin.on("error",()=>{}).once("end",()=>{setTimeout(()=>process.exit(1),10000);process.kill(process.pid,"SIGTERM")}).resume()',
)}`;

/** Starts one program on this same Node, in a group of its own, so that a Ctrl-C reaches it once, through us. */
export function startChild({
  file,
  args,
  env = process.env,
  onLog,
  inherit = false,
  startMs = 60_000,
}: {
  file: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Lines of its standard error. */
  onLog: (line: string) => void;
  /** Hand its output on as it is, instead of waiting for its line. */
  inherit?: boolean;
  startMs?: number;
}): Child {
  const child = spawn(process.execPath, ["--import", endsWithParent, file, ...args], {
    stdio: ["pipe", inherit ? "inherit" : "pipe", inherit ? "inherit" : "pipe"],
    detached: process.platform !== "win32",
    env,
  });
  child.stdin?.on("error", () => undefined);
  let last = "";
  if (child.stderr)
    createInterface({ input: child.stderr }).on("line", (line) => {
      last = line;
      onLog(line);
    });
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("error", (error) => {
      last = error.message;
      resolve({ code: 1, signal: null });
    });
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  return {
    process: child,
    line: inherit ? Promise.resolve({}) : firstLine(child, { exit, startMs, said: () => last }),
    exit,
  };
}

function firstLine(
  child: ChildProcess,
  { exit, startMs, said }: { exit: Child["exit"]; startMs: number; said: () => string },
): Child["line"] {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Fault("internal", `no program listened within ${startMs} ms: ${said()}`)),
      startMs,
    );
    if (child.stdout)
      createInterface({ input: child.stdout }).once("line", (line) => {
        clearTimeout(timer);
        try {
          resolve(JSON.parse(line) as Record<string, unknown>);
        } catch {
          reject(new Fault("internal", `expected a line of JSON, found ${line.slice(0, 200)}`));
        }
      });
    void exit.then(({ code, signal }) => {
      clearTimeout(timer);
      reject(endFault(said(), code ?? signal));
    });
  });
}

/** Programs log what ended them as `{"error":"code: message"}`. */
function endFault(line: string, how: number | string | null): Fault {
  let error = line;
  try {
    error = String((JSON.parse(line) as { error?: unknown }).error ?? line);
  } catch {
    // Not a line of the log.
  }
  const [, code = "", message = ""] = /^([a-z-]+): (.*)$/s.exec(error) ?? [];
  if (Object.hasOwn(faultTable, code)) return new Fault(code as FaultCode, message);
  return new Fault("internal", `it ended with ${how} before it listened: ${error}`);
}
