import { readFile } from "node:fs/promises";
import { Fault, faultTable } from "@locum/contracts";
import { createLog, drain, firstSignal, parseFlags, systemClock, systemRandom } from "@locum/runtime";
import { injectorConfig, injectorFlags } from "./config.ts";
import { startInjector } from "./start-injector.ts";

const log = createLog();

/** Standard output carries one line, when the webhook listens; scripts wait for it. */
async function main(): Promise<number> {
  // Before anything else: a signal that nobody waits for ends the process without a word.
  const ended = firstSignal();
  const { flags } = parseFlags(process.argv.slice(2), injectorFlags);
  const config = injectorConfig(await configText(flags.config), { source: flags.config ?? "LOCUM_INJECTOR" });
  const injector = await startInjector(config, { clock: systemClock, random: systemRandom, log });
  const { probesUrl: probes } = injector;
  log("info", "probes and metrics listen", { url: probes });
  const url = await Promise.race([injector.listening, ended.then(() => null)]);
  if (url !== null) process.stdout.write(`${JSON.stringify({ kind: "injector", url, probes })}\n`);
  const signal = await ended;
  log("info", "the injector stops", { signal });
  injector.beginDrain();
  // Until every API server has seen that this pod is no endpoint any more.
  if (url !== null) await systemClock.sleep(config.drainSeconds * 1000);
  await drain([["injector", injector.close]]);
  return 0;
}

async function configText(file: string | undefined): Promise<string> {
  if (file === undefined) return process.env.LOCUM_INJECTOR ?? "";
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new Fault("config-unreadable", `${file} cannot be read`, { cause });
  });
}

function fail(error: unknown): number {
  const hint = error instanceof Fault ? ` ${error.hint}` : "";
  log("error", `the injector ended.${hint}`, { error });
  return error instanceof Fault ? faultTable[error.code].exit : 1;
}

process.on("uncaughtException", (error) => process.exit(fail(error)));
void main()
  .catch(fail)
  .then((code) => process.exit(code));
