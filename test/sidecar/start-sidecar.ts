import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseServiceFile, type Report, type ServiceConfig, splitAddress } from "@locum/contracts";
import { type App, type AppDeps, createApp, openDeps, sidecarConfig } from "@locum/sidecar";
import type { Approver, Digits } from "./start-digits.ts";

type Deep<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Deep<T[K]> } : T;
export type ServiceParts = Deep<Omit<ServiceConfig, "instances">> & { class?: string; posture?: string };

/** Short times, so that a test sees in a second what production sees in a minute. */
const quick = {
  golden: { idleRoundMs: 2000, fitnessMaxAgeMs: 4000, underTrafficMs: 300 },
  snapshot: { statMs: 100, settleMs: 200 },
  probe: { liveMs: 500 },
};

export function serviceOf(
  instances: readonly ({ id: string; digits: Pick<Digits, "url" | "modelDir"> } & Record<string, unknown>)[],
  { approver, dir, ...parts }: ServiceParts & { approver: Approver; dir: string },
): ServiceConfig {
  const { golden, snapshot, probe, ...rest } = parts;
  const text = JSON.stringify({
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    approvers: [{ keyId: approver.keyId, publicKey: approver.publicKey }],
    ...rest,
    golden: { ...quick.golden, ...golden },
    snapshot: { ...quick.snapshot, ...snapshot },
    probe: { ...quick.probe, ...probe },
    instances: instances.map(({ digits, ...instance }) => ({
      url: digits.url,
      modelDir: digits.modelDir,
      ...instance,
    })),
  });
  const parsed = parseServiceFile(text, { file: join(dir, "locum.yaml") });
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

export type StartedSidecar = {
  app: App;
  report(): Report;
  verdict(): string;
  tap: string;
  control: string;
  agent: number;
  stateDir: string;
  logs: string[];
  close(): Promise<void>;
};

/** One sidecar in this process, with real listeners and a real disk. */
export async function startSidecar(
  service: ServiceConfig,
  id: string,
  {
    collector,
    tokenFile,
    stateDir,
    sourceDown = false,
    change = (deps) => deps,
  }: {
    collector?: string;
    tokenFile?: string;
    stateDir?: string;
    /** The start is one while the model's source is away. */
    sourceDown?: boolean;
    change?: (deps: AppDeps) => AppDeps;
  } = {},
): Promise<StartedSidecar> {
  const logs: string[] = [];
  const state = stateDir ?? (await mkdtemp(join(tmpdir(), `locum-state-${id}-`)));
  const flags = {
    ...{ config: "", instance: id, collector, "token-file": tokenFile, "state-dir": state },
    "source-down": sourceDown,
  };
  const config = sidecarConfig(service, { ...flags, tap: undefined, control: undefined, agent: undefined });
  const deps = await openDeps(config, (level, message, facts) => {
    logs.push(
      `${level} ${message} ${JSON.stringify(facts ?? {}, (_key, value) => (value instanceof Error ? value.message : value))}`,
    );
  });
  const app = createApp(change(deps));
  await app.fill();
  const control = await listenOn(app.control, config.listen.control);
  const agent = await listenOn(app.agent);
  const tap = app.tap ? await listenOn(app.tap.server, config.listen.tap ?? undefined) : 0;
  const files = app.files ? await listenOn(app.files, config.listen.files ?? undefined) : 0;
  const urls = {
    tap: app.tap ? `http://127.0.0.1:${tap}` : null,
    control: `http://127.0.0.1:${control}`,
    files: app.files ? `https://127.0.0.1:${files}` : null,
  };
  await app.start(urls);
  const verdict = () => {
    const { verdict: found } = app.report();
    if (found.kind === "failed") return `failed ${found.failure} ${found.hard ? "hard" : "soft"}`;
    return found.kind;
  };
  return {
    app,
    report: app.report,
    verdict,
    tap: urls.tap ?? "",
    control: urls.control,
    agent,
    stateDir: state,
    logs,
    async close() {
      await app.tap?.drain(0);
      await app.close();
      app.control.close();
      app.control.closeAllConnections();
      app.agent.close();
      app.files?.close();
      app.files?.closeAllConnections();
      if (stateDir === undefined) await rm(state, { recursive: true, force: true });
    },
  };
}

function listenOn(server: Server, address = "127.0.0.1:0"): Promise<number> {
  const { host, port: wanted } = splitAddress(address);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(wanted, host, () => resolve((server.address() as AddressInfo).port));
  });
}
