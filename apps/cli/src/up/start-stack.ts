import { join } from "node:path";
import type { ServiceConfig } from "@locum/contracts";
import type { Io } from "../io.ts";
import { findProgram, type Program } from "./find-program.ts";
import { type KeepEvent, type Kept, keepRunning } from "./keep-running.ts";
import { startChild } from "./start-child.ts";

export type ServiceFile = { file: string; config: ServiceConfig };
export type SidecarLine = { service: string; id: string; tap: string | null; control: string; agent: string };
export type Stack = {
  collector: string;
  tokenFile: string;
  service: Record<string, string>;
  sidecars: SidecarLine[];
  pids(): Record<string, number | undefined>;
  /** The front first, the collector last, so that every record still finds it. */
  stop(): Promise<void>;
};

type Options = {
  services: readonly ServiceFile[];
  outDir: string | undefined;
  /** Sidecars fill model folders that are empty before they say that they live. */
  sourceDown?: boolean;
  io: Pick<Io, "root" | "clock">;
  onEvent: (event: KeepEvent) => void;
  onLog: (name: string, line: string) => void;
};

/**
 * Collector, one sidecar an instance, one front a service: the programs of production, on this machine. Where one does
 * not start, those that did are ended.
 */
export async function startStack(options: Options): Promise<Stack> {
  const kept: Kept[] = [];
  const keep = async (...start: Parameters<typeof keepProgram>): Promise<Kept> => {
    const one = await keepProgram(...start);
    kept.push(one);
    return one;
  };
  const stop = async (): Promise<void> => {
    const { fronts = [], sidecars = [], collectors = [] } = Object.groupBy(kept, groupOf);
    for (const group of [fronts, sidecars, collectors]) await Promise.all(group.map((one) => one.stop()));
  };
  try {
    const collector = await keep(options, "collector", "collector", (before) =>
      collectorArgs(options, before),
    );
    const url = text(collector.line.url);
    const tokenFile = text(collector.line.tokenFile);
    const started = await Promise.allSettled(
      options.services.flatMap(({ file, config }) =>
        config.instances.map(async ({ id }): Promise<SidecarLine> => {
          const name = `sidecar ${config.service}/${id}`;
          const { line } = await keep(options, name, "sidecar", (before) => [
            ...["--config", file, "--instance", id, "--collector", url, "--token-file", tokenFile],
            ...(options.outDir ? ["--state-dir", join(options.outDir, `${config.service}-${id}`)] : []),
            ...(options.sourceDown ? ["--source-down"] : []),
            ...(before ? pinned(before) : []),
          ]);
          const tap = line.tap === null ? null : text(line.tap);
          return { service: config.service, id, tap, control: text(line.control), agent: text(line.agent) };
        }),
      ),
    );
    const sidecars = started.map((one) => {
      if (one.status === "rejected") throw one.reason;
      return one.value;
    });
    const service: Record<string, string> = {};
    for (const { config } of options.services) {
      const front = await keep(options, `front ${config.service}`, "front", (before) => [
        "--listen",
        before ? new URL(text(before.url)).host : config.listen,
        ...sidecars
          .filter(({ service, id }) => service === config.service && !isShadow(config, id))
          .flatMap((one) => frontArgs(one, config)),
      ]);
      service[config.service] = text(front.line.url);
    }
    const pids = () => Object.fromEntries(kept.map((one) => [one.name, one.pid()]));
    return { collector: url, tokenFile, service, sidecars, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function keepProgram(
  { io, onEvent, onLog }: Options,
  name: string,
  program: Program,
  argsOf: (before: Record<string, unknown> | undefined) => string[],
): Promise<Kept> {
  const file = findProgram(program, io.root);
  return keepRunning({
    name,
    clock: io.clock,
    onEvent,
    start: (before) => startChild({ file, args: argsOf(before), onLog: (line) => onLog(name, line) }),
  });
}

function collectorArgs({ services, outDir }: Options, before: Record<string, unknown> | undefined): string[] {
  return [
    ...services.flatMap(({ file }) => ["--config", file]),
    ...(outDir ? ["--data-dir", join(outDir, "collector")] : []),
    ...(before ? ["--listen", new URL(text(before.url)).host] : []),
  ];
}

/** A sidecar that starts again listens where its peers, the front and the balancer know it. */
function pinned({ tap, control, agent }: Record<string, unknown>): string[] {
  return [
    ...(tap === null ? [] : ["--tap", new URL(text(tap)).host]),
    ...["--control", new URL(text(control)).host, "--agent", text(agent)],
  ];
}

const isShadow = ({ instances }: ServiceConfig, id: string): boolean =>
  instances.some((one) => one.id === id && one.shadow);

/** In watch posture no sidecar is in the path: the front joins clients with the model servers themselves. */
function frontArgs({ id, tap, agent }: SidecarLine, { instances }: ServiceConfig): string[] {
  const url = new URL(tap ?? instances.find((one) => one.id === id)?.url ?? "");
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return ["--sidecar", `${id},${url.hostname}:${port},${agent}`];
}

const groupOf = ({ name }: Kept) =>
  name.startsWith("front") ? "fronts" : name.startsWith("sidecar") ? "sidecars" : "collectors";
const text = (value: unknown): string => String(value);
