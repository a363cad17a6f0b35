import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EvidenceBody, evidenceText, renderEvidenceHtml, sealEvidence } from "@locum/audit";
import { createClient } from "@locum/contracts";
import type { Fleet } from "./demo-fleet.ts";
import type { FaultResult } from "./play-fault.ts";

/**
 * One signed report a fault, as JSON and as a page: what was measured, the incidents that the collector kept, and the
 * records of its audit log. Signed with the demo's own operator key, which ends with the demo.
 */
export async function writeDemoEvidence({
  fleet,
  faults,
}: {
  fleet: Fleet;
  faults: FaultResult[];
}): Promise<string[]> {
  const api = createClient({ baseUrl: fleet.collectorUrl, token: fleet.adminToken });
  const key = await readFile(fleet.operatorKey, "utf8");
  const [incidents, records] = await Promise.all([api.incidents({ limit: 100 }), allRecords(api)]);
  const dir = await mkdtemp(join(tmpdir(), "locum-evidence-"));
  const files: string[] = [];
  for (const result of faults) {
    const inWindow = (wallMs: number) => wallMs >= result.startedAtMs && wallMs <= result.endedAtMs;
    const evidence = sealEvidence({
      key,
      records: records.filter(({ event }) => inWindow(Date.parse(event.at))),
      body: {
        title: result.title,
        cause: "demo",
        service: "digits",
        createdAt: new Date(result.endedAtMs).toISOString(),
        summary: `A health check saw "${result.healthCheck}", Locum saw "${result.locum}". ${result.failed} failed and ${result.wrong} wrong of ${result.answers} answers.`,
        measures: measuresOf(result),
        incidents: incidents.filter(({ openedAtMs }) => inWindow(openedAtMs)),
        facts: {
          fault: result.fault,
          target: result.target,
          healthCheck: result.healthCheck,
          locum: result.locum,
        },
      },
    });
    const path = join(dir, result.fault);
    await writeFile(`${path}.json`, evidenceText(evidence));
    await writeFile(`${path}.html`, renderEvidenceHtml(evidence));
    files.push(`${path}.json`, `${path}.html`);
  }
  return files;
}

function measuresOf({
  detectedMs,
  rtoMs,
  failed,
  wrong,
  restoredMs,
  objectives,
}: FaultResult): EvidenceBody["measures"] {
  const measure = (name: string, unit: "ms" | "count", value: number | null, limit: number | null) => ({
    name,
    unit,
    value,
    limit,
    met: limit === null || (value !== null && value <= limit),
  });
  return [
    measure("detected", "ms", detectedMs, null),
    measure("recovery time (last bad or late answer)", "ms", rtoMs, objectives.rtoMs),
    measure("failed requests", "count", failed, objectives.failedMax),
    measure("wrong answers", "count", wrong, null),
    measure("proven right again", "ms", restoredMs, restoredMs === null ? null : objectives.restoredMs),
  ];
}

async function allRecords(api: ReturnType<typeof createClient>) {
  const records: Awaited<ReturnType<typeof api.audit>> = [];
  for (;;) {
    const last = records.at(-1);
    const page = await api.audit({ order: "asc", limit: 1000, ...(last ? { after: last.seq } : {}) });
    records.push(...page);
    if (page.length < 1000) return records;
  }
}
