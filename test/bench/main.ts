import { parseArgs } from "node:util";
import { exitCodes, Fault, faultTable, nearestWord } from "@locum/contracts";
import type { Bench, BenchTools } from "./bench.ts";
import { benches } from "./benches.ts";

// npm run bench -- NAME [--json] [flags of the bench]. Exit code 3 where an objective is missed.

async function main([name, ...rest]: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") return tell(overview());
  if (name === "--json") throw new Fault("usage", `expected the name of a bench before --json`);
  const bench = benches[name];
  if (!bench) {
    const near = nearestWord(name, Object.keys(benches));
    const names = Object.keys(benches).join(", ");
    throw new Fault("usage", `no bench ${name}${near ? `, is it ${near}?` : "."} There are: ${names}`);
  }
  if (rest.includes("--help") || rest.includes("-h")) return tell(help(name, bench));
  const flags = readFlags(name, bench, rest);
  const json = flags.json === true;
  const tools: BenchTools = {
    flags,
    print: (text) => void (json || process.stdout.write(`${text}\n`)),
    emit: (line) => void (json && process.stdout.write(`${JSON.stringify(line)}\n`)),
  };
  const summary = await bench.run(tools);
  tools.emit({ kind: "summary", bench: name, ...summary });
  return summary.objectivesMet ? exitCodes.ok : faultTable["objective-missed"].exit;
}

function readFlags(name: string, { flags }: Bench, args: string[]): BenchTools["flags"] {
  const specs = Object.entries(flags).map(
    ([flag, { kind }]) => [flag, { type: kind === "switch" ? "boolean" : "string" } as const] as const,
  );
  try {
    const { values } = parseArgs({
      args,
      options: { json: { type: "boolean" }, ...Object.fromEntries(specs) },
    });
    return Object.fromEntries(
      Object.entries(values).map(([flag, value]) => {
        if (flags[flag]?.kind !== "number") return [flag, value];
        const number = Number(value);
        if (!(number > 0)) throw new Error(`--${flag}: expected a number above 0, found "${value}"`);
        return [flag, number];
      }),
    );
  } catch (error) {
    const [message] = (error as Error).message.split("\n");
    throw new Fault("usage", `${message} See npm run bench -- ${name} --help`, { cause: error });
  }
}

function overview(): string {
  const lines = Object.entries(benches).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`);
  return `npm run bench -- NAME [--json] [--help]\n\n${lines.join("\n")}

Examples
  npm run bench -- servers --only grpc             what the tap adds to a request
  npm run bench -- failover --runs 20              crash, hang and wrong answers, beside HAProxy
  npm run bench -- abuse --minutes 10 --json       JSON lines, the last one with every figure

Exit code 0 where every objective is met, 3 where one is missed.`;
}

function help(name: string, { about, flags }: Bench): string {
  const lines = Object.entries({
    ...flags,
    json: { kind: "switch", about: "JSON lines; the last one has every figure" },
  }).map(
    ([flag, { kind, about: what }]) => `  --${`${flag}${kind === "switch" ? "" : " N"}`.padEnd(14)} ${what}`,
  );
  return `npm run bench -- ${name} [flags]\n\n${about}\n\n${lines.join("\n")}`;
}

function tell(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function fail(error: unknown): number {
  if (!(error instanceof Fault)) {
    console.error(error);
    return exitCodes.unexpected;
  }
  process.stderr.write(`${error.code}: ${error.message}\n`);
  return faultTable[error.code].exit;
}

// What was started ends with this process; its folder under the system's temporary one stays.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => process.exit(exitCodes.interrupted));
process.exitCode = await main(process.argv.slice(2)).catch(fail);
