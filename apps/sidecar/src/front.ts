import { Address, Fault, faultTable, splitAddress } from "@locum/contracts";
import { createLog, firstSignal, parseFlags, systemClock } from "@locum/runtime";
import { createFront, type FrontSidecar } from "./tap/front.ts";

const log = createLog();

/** The one address of a service on one machine, as a process of its own. One line on standard output when it listens. */
async function main(): Promise<void> {
  const { flags } = parseFlags(process.argv.slice(2), {
    listen: { kind: "text", required: true, about: "host:port of the service" },
    sidecar: { kind: "list", required: true, about: "id,host:port of its tap,host:port of its agent-check" },
  });
  const { host, port } = splitAddress(address(flags.listen));
  const front = createFront({
    listen: { host: bare(host), port },
    sidecars: flags.sidecar.map(readSidecar),
    clock: systemClock,
  });
  const bound = await front.start().catch((cause: unknown) => {
    const { message } = cause as Error;
    throw new Fault("conflict", `${flags.listen}: cannot listen there: ${message}`, { cause });
  });
  process.stdout.write(`${JSON.stringify({ kind: "front", url: `http://${host}:${bound}` })}\n`);
  const signal = await firstSignal();
  log("info", "the front stops", { signal });
  await front.close();
  process.exit(0);
}

function readSidecar(text: string): FrontSidecar {
  const [id = "", tap = "", agent = ""] = text.split(",");
  const at = splitAddress(address(tap));
  const asked = splitAddress(address(agent));
  return { id, host: bare(at.host), port: at.port, agentHost: bare(asked.host), agentPort: asked.port };
}

function address(text: string): string {
  if (!Address.safeParse(text).success) throw new Fault("usage", `expected host:port, found "${text}"`);
  return text;
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, "");

function fail(error: unknown): never {
  log("error", "the front ended", { error });
  process.exit(error instanceof Fault ? faultTable[error.code].exit : 1);
}

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
main().catch(fail);
