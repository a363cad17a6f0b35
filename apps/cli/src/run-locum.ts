import { exitCodes, Fault, faultTable, nearestWord } from "@locum/contracts";
import type { Command } from "./command.ts";
import type { Io } from "./io.ts";
import { overview } from "./overview.ts";
import { paintFor } from "./paint.ts";
import { verbs } from "./verbs.ts";
import { locumVersion } from "./version.ts";

/** One command line, from its words to its exit code. Never throws. */
export async function runLocum(argv: readonly string[], io: Io): Promise<number> {
  try {
    if (argv[0] === "--version") {
      io.stdout.write(`locum ${locumVersion}\n`);
      return exitCodes.ok;
    }
    const asksHelp = argv[0] === "help" || argv.some((word) => word === "--help" || word === "-h");
    const words = argv[0] === "help" ? argv.slice(1) : argv;
    const found = findVerb(words);
    if (asksHelp) {
      io.stdout.write(found ? (await found.load()).help() : overview(verbs, words[0]));
      return exitCodes.ok;
    }
    if (!found) throw unknownVerb(words);
    return await untilDone(await found.load(), found.rest, io);
  } catch (error) {
    // Whoever pressed Ctrl-C knows why it ended; what was started is gone by now.
    if (io.signal.aborted && isAbort(error)) return exitCodes.interrupted;
    return printFault(error, io, argv.includes("--json"));
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

type Found = { load: () => Promise<Command>; rest: readonly string[] };

/** The longest one first: `snapshot keys ls` before `snapshot keys`. */
function findVerb(argv: readonly string[]): Found | undefined {
  for (const count of [3, 2, 1]) {
    const name = argv.slice(0, count).join(" ");
    if (isVerb(name) && argv.length >= count) return { load: verbs[name].load, rest: argv.slice(count) };
  }
  return undefined;
}

const isVerb = (name: string): name is keyof typeof verbs => Object.hasOwn(verbs, name);

function unknownVerb([first, second]: readonly string[]): Fault {
  if (first === undefined || first.startsWith("-"))
    return new Fault("usage", "expected a verb, found none", { hint: "locum --help lists them." });
  const below = Object.keys(verbs).filter((name) => name.startsWith(`${first} `));
  if (below.length > 0)
    return new Fault(
      "usage",
      `expected one of ${below.join(", ")}, found "${first}${second ? ` ${second}` : ""}"`,
    );
  const near = nearestWord(first, Object.keys(verbs));
  return new Fault("usage", `there is no verb "${first}"`, {
    hint: near ? `Did you mean locum ${near}?` : "locum --help lists the verbs.",
  });
}

async function untilDone(command: Command, argv: readonly string[], io: Io): Promise<number> {
  const done = command.execute(argv, io);
  if (command.untilSignal) return done;
  const left = new Promise<number>((resolve) => {
    if (io.signal.aborted) resolve(exitCodes.interrupted);
    io.signal.addEventListener("abort", () => resolve(exitCodes.interrupted), { once: true });
  });
  return Promise.race([done, left]);
}

/** What went wrong on standard error, and the exit code that its row of the table gives. */
export function printFault(error: unknown, io: Io, json: boolean): number {
  const fault =
    error instanceof Fault
      ? error
      : new Fault("internal", (error as Error)?.message ?? String(error), { cause: error });
  if (json) io.stderr.write(`${JSON.stringify({ kind: "error", ...fault.toJSON() })}\n`);
  else {
    const paint = paintFor(io.stderr.isTTY === true && io.env("NO_COLOR") === undefined);
    io.stderr.write(
      `${paint("bad", `error ${fault.code}:`)} ${fault.message}\n${paint("dim", "hint:")} ${fault.hint}\n`,
    );
    if (!(error instanceof Fault) && error instanceof Error && error.stack)
      io.stderr.write(`${error.stack}\n`);
  }
  return faultTable[fault.code].exit;
}
