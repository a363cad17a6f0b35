import { readFile, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault, loadServiceFile, type ServiceConfig } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import { accessCollector, upFile } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { consoleAddress } from "../console-address.ts";
import type { Output } from "../output.ts";
import type { KeepEvent } from "../up/keep-running.ts";
import { type ServiceFile, type Stack, startStack } from "../up/start-stack.ts";

export const up = defineCommand({
  usage: "up",
  about:
    "Runs the collector, one sidecar an instance and one address for the service on this machine, until Ctrl-C: the same programs that production runs apart. Each that dies is started again.",
  examples: [
    ["locum up", "locum.yaml of this folder"],
    ["locum up --config a.yaml --config b.yaml", "several services, one collector"],
    ["locum up --json", "the first line says where everything listens"],
  ],
  flags: {
    config: { kind: "list", about: "service file (locum.yaml)" },
    "out-dir": { kind: "text", about: "folder for all state, instead of those of the files" },
    "source-down": {
      kind: "switch",
      about: "where models come from is away: empty folders are filled from kept copies, peers or snapshots",
    },
    "end-with-stdin": { kind: "switch", about: "end when standard input does, for a program that starts it" },
    verbose: { kind: "switch", about: "every log line of every part, on standard error" },
  },
  untilSignal: true,
  async run({ flags, io, out }) {
    const files = flags.config.length > 0 ? flags.config : ["locum.yaml"];
    const services: ServiceFile[] = [];
    for (const file of files)
      services.push({ file: resolve(io.cwd, file), config: await loadServiceFile(resolve(io.cwd, file)) });
    for (const { config } of services) await refuseSecond(config);
    out.progress("starting the collector and the sidecars");
    const stack = await startStack({
      services,
      outDir: flags["out-dir"] === undefined ? undefined : resolve(io.cwd, flags["out-dir"]),
      sourceDown: flags["source-down"],
      io,
      onEvent: (event) => tell(out, event),
      onLog: (name, line) => {
        if (flags.verbose || isLoud(line)) io.stderr.write(out.json ? `${line}\n` : `${name}: ${line}\n`);
      },
    });
    try {
      await announce(out, stack, services);
      await ending(io.signal, flags["end-with-stdin"]);
      out.progress("stopping");
    } finally {
      await stack.stop();
      for (const { config } of services) await rm(upFile(config), { force: true });
    }
    out.summary({ stopped: true });
    return 0;
  },
});

async function announce(out: Output, stack: Stack, services: readonly ServiceFile[]): Promise<void> {
  const { collector, service, sidecars, tokenFile } = stack;
  const pids = stack.pids();
  const where = { collector, service, sidecars, tokenFile, pids };
  const told = `${JSON.stringify({ ...where, pid: process.pid })}\n`;
  for (const { config } of services) await writeFileAtomic(upFile(config), told, { mode: 0o600 });
  // The one line without a kind: scripts read it as the answer to "where".
  out.line(where);
  for (const [name, url] of Object.entries(service)) out.say(`service    ${name}  ${url}`);
  out.say(`collector  ${collector}\ntokens     ${tokenFile}`);
  if (!out.json) out.say(`pages      ${await pagesOf(stack, services)}\n`);
  out.table(
    ["instance", "tap", "control", "agent-check"],
    sidecars.map(({ service: owner, id, tap, control, agent }) => [
      services.length > 1 ? `${owner}/${id}` : id,
      tap ?? "watch: not in the path",
      control,
      agent,
    ]),
  );
  out.say("\nlocum status shows how they are; Ctrl-C ends all.");
}

/** An address that logs in; where none is to be had, how to ask for one later. */
async function pagesOf({ collector, tokenFile }: Stack, services: readonly ServiceFile[]): Promise<string> {
  const [{ file: config = "" } = {}] = services;
  return accessCollector({ config, collector, "token-file": tokenFile })
    .then(({ client }) => consoleAddress(client, collector))
    .then(
      ({ url, lasts }) => `${url}\n           opened once, within ${lasts}; locum console prints another`,
      () => `${collector}  (locum console prints an address that logs in)`,
    );
}

/** A second one would give every instance two sidecars. One that was killed leaves a file that nobody answers for. */
async function refuseSecond(config: ServiceConfig): Promise<void> {
  const text = await readFile(upFile(config), "utf8").catch(() => undefined);
  if (text === undefined) return;
  let told: { collector?: unknown; pid?: unknown } = {};
  try {
    told = JSON.parse(text);
  } catch {
    return;
  }
  const lives = await fetch(`${told.collector}/livez`, { signal: AbortSignal.timeout(1000) }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (lives)
    throw new Fault(
      "conflict",
      `locum up runs already for ${config.service} (process ${told.pid}, ${told.collector})`,
      {
        hint: "End that one first.",
      },
    );
}

function ending(signal: AbortSignal, withStdin: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
    // A timer keeps the process alive where nothing else does.
    const alive = setInterval(() => undefined, 60_000);
    signal.addEventListener("abort", () => clearInterval(alive), { once: true });
    if (!withStdin) return;
    const ended = () => {
      clearInterval(alive);
      resolve();
    };
    process.stdin.on("error", ended).once("end", ended).resume();
  });
}

function tell(out: Output, event: KeepEvent): void {
  out.event({ ...event, kind: `child-${event.kind}` });
  if (event.kind === "ended")
    out.progress(`${event.name} ended (${event.how}); again in ${event.againMs} ms`);
  else if (event.kind === "started") out.progress(`${event.name} runs again`);
  else out.progress(`${event.name} did not start: ${event.reason}; again in ${event.againMs} ms`);
}

/** Warnings and errors; a line that is no log is worth reading too. */
const isLoud = (line: string): boolean => !/"level":"(info|debug)"/.test(line);
