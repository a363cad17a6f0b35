import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditLog, openAuditLog } from "@locum/audit";
import { type Elasticsearch, openElasticsearch } from "@locum/audit/elasticsearch";
import { openShipper, type ShipNote, type Shipper } from "@locum/audit/ship";
import type { AuditEvent } from "@locum/contracts";
import { systemClock } from "@locum/runtime";

export const logId = "e2e";

/** A log on disk and its shipper, with a server at this address. */
export type ShipRig = AsyncDisposable & {
  log: AuditLog;
  server: Elasticsearch;
  shipper: Shipper;
  /** Appends until the log has so many records. */
  write(end: number): Promise<void>;
  /** Closes the shipper, and opens it again on its folder. */
  reopen(): Promise<Shipper>;
};

export async function openShipRig(
  url: string,
  {
    timeoutMs = 10_000,
    countMax = 1000,
    keys,
    reconcileMs = 3_600_000,
  }: {
    timeoutMs?: number;
    countMax?: number;
    keys?: { ship: string; read: string };
    reconcileMs?: number;
  } = {},
): Promise<ShipRig> {
  const dir = await mkdtemp(join(tmpdir(), "locum-shipping-"));
  const server = openElasticsearch({ url, timeoutMs, ...(keys ? { apiKey: keys.ship } : {}) });
  const reader = keys ? openElasticsearch({ url, timeoutMs, apiKey: keys.read }) : server;
  const log = await openAuditLog({ dir: join(dir, "log") });
  const open = (): Promise<Shipper> =>
    openShipper({
      dir: join(dir, "ship"),
      logId,
      lines: log.lines,
      head: log.head,
      server,
      reader,
      namespace: "default",
      reconcileMs,
      batch: { countMax, bytesMax: 4_194_304 },
      clock: systemClock,
      random: { next: Math.random },
      say: () => undefined,
      note: (note) => log.append([eventOf(note)]),
    });
  const rig: ShipRig = {
    log,
    server,
    shipper: await open(),
    async write(end) {
      while (log.head().seq + 1 < end) {
        const first = log.head().seq + 1;
        await log.append(Array.from({ length: Math.min(500, end - first) }, (_, at) => numbered(first + at)));
      }
    },
    async reopen() {
      await rig.shipper.close();
      rig.shipper = await open();
      return rig.shipper;
    },
    async [Symbol.asyncDispose]() {
      await rig.shipper.close();
      await log.close();
      await server.close();
      if (reader !== server) await reader.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return rig;
}

const numbered = (n: number): AuditEvent =>
  eventOf({
    kind: "input.finding",
    reason: `record ${n} of 模型`,
    facts: { n, tookMs: n % 1000, on: n % 2 === 0 },
  });

const eventOf = (event: ShipNote | Pick<AuditEvent, "kind" | "reason" | "facts">): AuditEvent => ({
  at: new Date().toISOString(),
  service: "digits",
  instance: null,
  actor: "collector",
  epoch: 1,
  incident: null,
  ...event,
});
