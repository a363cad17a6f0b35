import { logIdOf, readNoteKey } from "@locum/audit";
import { type Elasticsearch, openElasticsearch } from "@locum/audit/elasticsearch";
import { openShipper, type Shipper, type ShipperOptions } from "@locum/audit/ship";
import { type CollectorElasticsearch, Fault } from "@locum/contracts";
import { type Clock, type Log, readSecretFile, readTextFile, systemRandom } from "@locum/runtime";
import type { AuditLog } from "../audit-port.ts";

/** The audit log's copy in Elasticsearch, going on by itself. */
export type ElasticsearchCopy = Pick<Shipper, "view" | "replay"> & {
  /** Gives what is left a moment to arrive, where the server works at all; what does not is sent after the next start. */
  close(): Promise<void>;
};

const drainMs = 10_000;

/** @throws Fault config-invalid | config-unreadable | disk-full | storage-failed */
export async function openElasticsearchCopy(
  { url, namespace, apiKeyFile, readApiKeyFile, ca, reconcileMs }: CollectorElasticsearch,
  {
    dir,
    auditLog,
    clock,
    say,
    note,
  }: { dir: string; auditLog: AuditLog; clock: Clock; say: Log; note: ShipperOptions["note"] },
): Promise<ElasticsearchCopy> {
  if (!auditLog.proofs) throw new Fault("config-invalid", "a log that nobody signs is not copied");
  const trusted = ca === undefined ? {} : { ca: await readTextFile(ca) };
  const open = async (keyFile: string | undefined): Promise<Elasticsearch> =>
    openElasticsearch({
      url,
      ...trusted,
      ...(keyFile === undefined ? {} : { apiKey: await readSecretFile(keyFile) }),
    });
  const server = await open(apiKeyFile);
  // Without keys at all one may do what the other may.
  const reader =
    readApiKeyFile === undefined
      ? apiKeyFile === undefined
        ? server
        : undefined
      : await open(readApiKeyFile);
  const shipper = await openShipper({
    dir,
    logId: logIdOf(readNoteKey(auditLog.proofs.key).name),
    lines: auditLog.lines,
    head: auditLog.head,
    server,
    reader,
    namespace,
    clock,
    random: systemRandom,
    say,
    note,
    reconcileMs,
  });
  shipper.start();
  return {
    view: shipper.view,
    replay: shipper.replay,
    async close() {
      const { elasticsearch, pending } = shipper.view();
      if (elasticsearch === "reachable" && pending > 0 && !(await shipper.drain({ timeoutMs: drainMs })))
        say("warn", "the copy in Elasticsearch lags behind: it is brought up after the next start", {
          pending: shipper.view().pending,
        });
      await shipper.close();
      await Promise.all([server.close(), reader?.close()]);
    },
  };
}
