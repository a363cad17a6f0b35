import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogVerdict, logIdIn, openAuditLog, verifyLog } from "@locum/audit";
import {
  applySetup,
  documentLines,
  documentOf,
  envelopeOf,
  openElasticsearch,
  setupPlan,
} from "@locum/audit/elasticsearch";
import { auditStreamName } from "@locum/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Family, families } from "./family.ts";
import { type ElasticsearchDouble, startDouble } from "./start-double.ts";

/** More than one page of the verifier's. */
const count = 4500;
const logId = "0123456789abcdef";
const stream = auditStreamName("audit", "default");
let dir: string;
const lines: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-verify-es-"));
  const { privateKey } = generateKeyPairSync("ed25519");
  const log = await openAuditLog({ dir, signer: { name: `locum/audit/${logId}`, privateKey } });
  await log.append(
    Array.from({ length: count }, (_, n) => ({
      kind: "verdict.change" as const,
      at: "2026-01-02T03:04:05.006Z",
      service: "digits",
      instance: n % 2 === 0 ? "a" : null,
      actor: "collector",
      epoch: 1,
      incident: null,
      reason: `record ${n}`,
      facts: { n, tookMs: n },
    })),
  );
  for await (const line of log.lines(0)) lines.push(line);
  await log.tree?.checkpoint();
  await log.close();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** The copy as a shipper leaves it, then `change`, then what the verifier says. */
async function verdictAfter(
  family: Family,
  change: (double: ElasticsearchDouble, put: (id: string, text: string) => void) => void = () => undefined,
): Promise<LogVerdict> {
  const double = await startDouble({ family });
  const server = openElasticsearch({ url: double.url });
  try {
    await applySetup(server, await setupPlan(server));
    const put = (id: string, text: string): void => {
      const bulk = `{"create":{"_index":"${stream}","_id":"${id}"}}\n${text}\n`;
      expect(double.ask("POST", "/_bulk", bulk).body).toMatchObject({ errors: false });
    };
    for (let at = 0; at < count; at += 1500) {
      const part = lines.slice(at, at + 1500).map((line) => documentOf(line, { logId }));
      const bulk = part.map(({ id, text }) => `{"create":{"_index":"${stream}","_id":"${id}"}}\n${text}\n`);
      expect(double.ask("POST", "/_bulk", bulk.join("")).body).toMatchObject({ errors: false });
      double.rollover();
    }
    change(double, put);
    return await verifyLog({ dir, lines: documentLines(server, { logId, namespace: "default" }) });
  } finally {
    await server.close();
    await double.close();
  }
}

const idOf = (seq: number): string => documentOf(lines[seq] ?? "", { logId }).id;

describe.for(families)("what %s has is held against the log", (family) => {
  test("unchanged, over pages and indices", async () => {
    expect(await logIdIn(dir)).toBe(logId);
    expect(await verdictAfter(family)).toMatchObject({ ok: true, records: count, signed: { size: count } });
  });

  test("each change is named by its number", async () => {
    const verdict = await verdictAfter(family, (double, put) => {
      double.tamper(idOf(7), (source) => ({ ...source, message: "all was well" }));
      double.tamper(idOf(2001), (source) => ({
        ...source,
        event: {
          ...(source.event as object),
          original: (lines[2001] ?? "").replace("record 2001", "record 2002"),
        },
      }));
      double.remove((id) => id === idOf(1999) || id === idOf(2000));
      put("another", documentOf(lines[4400] ?? "", { logId }).text);
    });
    expect(verdict).toMatchObject({
      ok: false,
      altered: [7, 2001],
      missing: [{ from: 1999, to: 2000 }],
      inserted: [{ after: 4400, lines: 1 }],
    });
  });

  test("an envelope is its record, whole or by its hash; another hash is not", async () => {
    const replaced =
      (seq: number, change: (text: string) => string) =>
      (double: ElasticsearchDouble, put: (id: string, text: string) => void) => {
        double.remove((id) => id === idOf(seq));
        put(
          idOf(seq),
          change(envelopeOf(lines[seq] ?? "", { logId, reason: "too large", originalMax: 0 }).text),
        );
      };
    expect(
      await verdictAfter(
        family,
        replaced(12, (text) => text),
      ),
    ).toMatchObject({ ok: true, records: count });
    const wrong = replaced(12, (text) => text.replace(/"hash":"[0-9a-f]{8}/, '"hash":"00000000'));
    expect(await verdictAfter(family, wrong)).toMatchObject({ ok: false, altered: [12] });
  });

  test("a server that does not answer in full is no verdict", async () => {
    await expect(
      verdictAfter(family, (double) =>
        double.script({ on: "search", after: 1, does: [{ do: "answer", status: 503 }] }),
      ),
    ).rejects.toMatchObject({ code: "storage-failed" });
  });
});
