import type { Command } from "../command.ts";
import { helpFor } from "../help.ts";
import type { Io } from "../io.ts";
import { findProgram } from "../up/find-program.ts";
import { startChild } from "../up/start-child.ts";

export const collector = programVerb("collector", {
  usage: "collector --config FILE ...",
  about:
    "Starts the collector in the foreground: streams of the sidecars, decisions, API, audit log. Prints one JSON line with its address when it listens; logs go to standard error.",
  examples: [["locum collector --config digits.yaml", "one --config for each service"]],
  flags: {
    config: { kind: "list", required: true, about: "service file" },
    listen: { kind: "text", about: "host:port, instead of the file's" },
    "data-dir": { kind: "text", about: "folder of the store and the audit log" },
  },
});

export const sidecar = programVerb("sidecar", {
  usage: "sidecar --config FILE --instance ID",
  about:
    "Starts the sidecar of one instance in the foreground. Prints one JSON line with its addresses when it listens; logs go to standard error.",
  examples: [["locum sidecar --config digits.yaml --instance a", "beside the model server of a"]],
  flags: {
    config: { kind: "text", required: true, about: "service file" },
    instance: { kind: "text", about: "which instance of the file" },
    collector: { kind: "text", about: "URL of the collector" },
    "token-file": { kind: "text", about: "file with the sidecar's token" },
    tap: { kind: "text", about: "host:port of the data path" },
    control: { kind: "text", about: "host:port of /status, /readyz, /livez, /metrics" },
    agent: { kind: "text", about: "host:port of the HAProxy agent-check" },
    "state-dir": { kind: "text", about: "folder of the spool, the journal and the identity" },
  },
});

/** A program of its own, started on the same Node; its flags are read by itself. */
function programVerb(program: "collector" | "sidecar", help: Parameters<typeof helpFor>[0]): Command {
  return {
    untilSignal: true,
    help: () => helpFor(help),
    async execute(argv, io: Io) {
      const child = startChild({
        file: findProgram(program, io.root),
        args: argv.filter((word) => word !== "--json"),
        onLog: () => undefined,
        inherit: true,
      });
      io.signal.addEventListener("abort", () => child.process.kill("SIGTERM"), { once: true });
      return (await child.exit).code ?? 1;
    },
  };
}
