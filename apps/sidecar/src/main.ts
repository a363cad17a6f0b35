import { Fault, faultTable } from "@locum/contracts";
import { createFilter } from "@locum/privacy";
import { closeServer, createLog, drain, firstSignal, listen } from "@locum/runtime";
import { answerProbes, readProbes } from "./adapters/kubelet-probes.ts";
import { createApp } from "./app.ts";
import { readFlags, sidecarConfig } from "./config.ts";
import { exportTelemetry } from "./export-telemetry.ts";
import { openDeps } from "./open-deps.ts";
import { advertised, readService } from "./read-service.ts";
import { followPeerTls } from "./sources/follow-peer-tls.ts";

const log = createLog();
const drainMs = 10_000;

/** Standard output carries one line, when everything listens; scripts and `locum up` wait for it. */
async function main(): Promise<void> {
  // Before anything else: a signal that nobody waits for ends the process without a word.
  const ended = firstSignal();
  const flags = readFlags(process.argv.slice(2));
  const { env } = process;
  const config = sidecarConfig(await readService(flags.config, env), flags);
  const probes = readProbes(env.LOCUM_PROBES);
  const deps = await openDeps(config, log);
  const app = createApp(deps);
  await app.fill();
  answerProbes(app.control, probes, app.report);
  const control = await listen(app.control, config.listen.control, { secrets: false });
  const agent = await listen(app.agent, config.listen.agent, { secrets: false });
  const tap =
    app.tap && config.listen.tap ? await listen(app.tap.server, config.listen.tap, { secrets: false }) : null;
  const files =
    app.files && config.listen.files !== null
      ? await listen(app.files, config.listen.files, { tls: true })
      : null;
  await app.start({
    tap: tap && advertised(tap.url, env),
    control: advertised(control.url, env),
    files: files && advertised(files.url, env),
  });
  const stopping = new AbortController();
  void followPeerTls({ ...deps, server: app.files, signal: stopping.signal });
  const telemetry = await exportTelemetry({ config, families: app.metrics, filter: createFilter(), log });
  const { id } = config.instance;
  process.stdout.write(
    `${JSON.stringify({ kind: "sidecar", id, tap: tap?.url ?? null, control: control.url, agent: `${agent.host}:${agent.port}` })}\n`,
  );
  const signal = await ended;
  log("info", "the sidecar stops", { signal });
  stopping.abort();
  const { late } = await drain([
    ["tap", () => app.tap?.drain(drainMs)],
    ["app", () => app.close()],
    ["telemetry", () => telemetry.close()],
    ["agent", () => void app.agent.close()],
    ["control", closeServer(app.control)],
    ["files", () => void app.files?.close()],
  ]);
  if (late.length > 0) log("warn", "not everything ended in time", { reason: late.join(", ") });
  process.exit(0);
}

function fail(error: unknown): never {
  const fault = error instanceof Fault ? error : null;
  log("error", "the sidecar ended", { error, ...(fault ? { reason: fault.hint } : {}) });
  process.exit(fault ? faultTable[fault.code].exit : 1);
}

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
main().catch(fail);
