import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceConfig } from "@locum/contracts";
import { type Client, createClient } from "@locum/contracts/client";
import { closeServer, drain, systemClock } from "@locum/runtime";
import { serve } from "./adapters/serve.ts";
import { type Collector, type CollectorDeps, openCollector } from "./collector.ts";
import { type CollectorConfig, collectorConfig } from "./config.ts";
import { type MemoryAuditLog, memoryAuditLog } from "./memory-audit-log.fixture.ts";

type Role = "admin" | "operator" | "viewer" | "sidecar";

/** A collector in a folder of its own, with a port, real parts, and an audit log whose disk can be full. */
export type TestCollector = {
  folder: string;
  config: CollectorConfig;
  collector: Collector;
  url: string;
  audit: MemoryAuditLog;
  token(role: Role): string;
  client(role: Role): Client;
  /** Stops it and starts the next one on the same folder and log. */
  restart(): Promise<TestCollector>;
  close(): Promise<void>;
};

export const serviceConfig = (patch: Record<string, unknown> = {}): ServiceConfig =>
  ServiceConfig.parse({
    apiVersion: "locum.dev/v1alpha1",
    service: "s",
    posture: "tap",
    instances: [
      { id: "a", url: "http://127.0.0.1:1", drillable: true },
      { id: "b", url: "http://127.0.0.1:2", role: "standby" },
    ],
    failover: { heartbeatMs: 200, leaseMs: 1000 },
    ...patch,
  });

type Start = {
  service?: ServiceConfig;
  deps?: Partial<CollectorDeps>;
  folder?: string;
  audit?: MemoryAuditLog;
};

export async function startTestCollector({
  service = serviceConfig(),
  deps = {},
  folder = mkdtempSync(join(tmpdir(), "locum-collector-")),
  audit = memoryAuditLog(),
}: Start = {}): Promise<TestCollector> {
  const inFolder = {
    ...service.collector,
    dataDir: join(folder, "data"),
    tokenFile: join(folder, "tokens.json"),
  };
  const config = collectorConfig([{ ...service, collector: inFolder }]);
  const broken: unknown[] = [];
  const collector = await openCollector(config, {
    clock: systemClock,
    say: () => undefined,
    openAudit: async () => audit,
    readReleases: async () => [],
    onBroken: (error) => broken.push(error),
    pingMs: 500,
    ...deps,
  });
  const { server, url } = await serve({
    ...{ config, fetch: collector.app.fetch, upgrade: collector.upgrade },
    ...{ clock: systemClock, log: () => undefined },
  });
  const token = (role: Role): string => tokenOf(config.tokenFile, role);
  const stop = async (): Promise<void> => {
    const { late } = await drain([
      ["streams", collector.endStreams],
      ["server", closeServer(server)],
      ["collector", collector.close],
    ]);
    if (late.length > 0) throw new Error(`did not close: ${late.join(", ")}`);
    if (broken.length > 0) throw broken[0];
  };
  return {
    folder,
    config,
    collector,
    url,
    audit,
    token,
    client: (role) => createClient({ baseUrl: url, token: token(role) }),
    async restart() {
      await stop();
      return startTestCollector({ service, deps, folder, audit });
    },
    async close() {
      await stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function tokenOf(file: string, role: Role): string {
  const { tokens } = JSON.parse(readFileSync(file, "utf8")) as { tokens: { role: Role; token: string }[] };
  return tokens.find((entry) => entry.role === role)?.token ?? "";
}
