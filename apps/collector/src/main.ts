import { Fault, faultTable, loadServiceFile } from "@locum/contracts";
import { closeServer, createLog, drain, firstSignal, parseFlags, systemClock } from "@locum/runtime";
import { readReleases } from "./adapters/read-releases.ts";
import { serve } from "./adapters/serve.ts";
import { openSignedAuditLog } from "./adapters/signed-audit-log.ts";
import { openCollector } from "./collector.ts";
import { collectorConfig, collectorFlags } from "./config.ts";

const say = createLog();

/** Standard output carries one line, when the port is open; scripts and `locum up` wait for it. */
async function main(): Promise<number> {
  // Before anything else: a signal that nobody waits for ends the process without a word.
  const ended = firstSignal();
  const { flags } = parseFlags(process.argv.slice(2), collectorFlags);
  const services = await Promise.all(flags.config.map(loadServiceFile));
  const config = collectorConfig(services, flags, process.env.LOCUM_COLLECTOR);
  const collector = await openCollector(config, {
    clock: systemClock,
    say,
    openAudit: (dir) => openSignedAuditLog(dir, { clock: systemClock, say }),
    readReleases: (folder) => readReleases(folder, say),
    onBroken: () => process.exit(1),
  });
  const { server, url } = await serve({
    ...{ config, fetch: collector.app.fetch, upgrade: collector.upgrade },
    ...{ clock: systemClock, log: say },
  });
  process.stdout.write(`${JSON.stringify({ kind: "collector", url, tokenFile: config.tokenFile })}\n`);
  say("info", "the collector listens", { url });

  const signal = await ended;
  say("info", "the collector stops", { signal });
  // Streams first: the port is closed when the last of them has ended.
  await drain([
    ["streams", collector.endStreams],
    ["server", closeServer(server)],
    ["collector", collector.close],
  ]);
  return 0;
}

function fail(error: unknown): number {
  const hint = error instanceof Fault ? ` ${error.hint}` : "";
  say("error", `the collector ended.${hint}`, { error });
  return error instanceof Fault ? faultTable[error.code].exit : 1;
}

process.on("uncaughtException", (error) => process.exit(fail(error)));
void main()
  .catch(fail)
  .then((code) => process.exit(code));
