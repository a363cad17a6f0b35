import { join, resolve } from "node:path";
import { verifyPage } from "@locum/audit";
import { type AuditRecord, Fault } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { dossierBody } from "../dossier/dossier-body.ts";
import { writeEvidence } from "../drill/write-evidence.ts";
import { showIncident } from "../incident-view.ts";
import { operatorKeyFile, readOperatorKey } from "../operator-key.ts";

/** What one dossier holds; an incident with more is not one that a person reads. */
const recordsMax = 5000;
const pageMax = 1000;

export const auditDossier = defineCommand({
  usage: "audit dossier INCIDENT",
  about:
    "Everything that the audit log has of one incident, in one file that proves itself: its timeline, its records, that each of them is in the signed log, and your signature. Beside it stands verify.html, which checks such files in a browser without network.",
  examples: [
    ["locum audit dossier i-1-12", "written to evidence/"],
    ["locum verify evidence/dossier-i-1-12.json", "checks it without a collector"],
  ],
  flags: { ...collectorFlags, out: { kind: "text", fallback: "evidence", about: "folder of the dossier" } },
  positionalsMax: 1,
  async run({ flags, positionals: [id], io, out }) {
    if (id === undefined) throw new Fault("usage", "expected the id of an incident, found nothing");
    const key = await readOperatorKey(operatorKeyFile(io));
    const { client, config } = await accessCollector(flags);
    const incident = await client.incident(id);
    const records = await recordsOf(client, id);
    if (records.length === 0) throw new Fault("not-found", `the audit log has no record of incident ${id}`);
    const log = await client.proveAudit(records.map(({ seq }) => seq));
    const body = dossierBody({
      incident,
      records: records.length,
      objectives: config?.objectives,
      nowMs: io.clock.wallMs(),
    });
    const dir = resolve(io.cwd, flags.out);
    const name = `dossier-${id.replace(/[^\w.-]/g, "_")}`;
    const files = await writeEvidence({ body, records, log, key: key.pem, dir, name });
    const verifier = join(dir, "verify.html");
    await writeFileAtomic(verifier, verifyPage());
    showIncident(out, incident);
    out.say(`\n${records.length} records, each proven to be in the signed log.`);
    out.say(
      `Signed dossier: ${files.join(", ")}\nlocum verify FILE checks it, and so does ${verifier} in a browser.`,
    );
    out.summary({ incident, records: records.length, files, verifier });
    return 0;
  },
});

type Client = Awaited<ReturnType<typeof accessCollector>>["client"];

async function recordsOf(client: Client, incident: string): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (;;) {
    const after = records.at(-1)?.seq;
    const page = await client.audit({ incident, limit: pageMax, ...(after === undefined ? {} : { after }) });
    records.push(...page);
    if (records.length > recordsMax)
      throw new Fault("refused", `incident ${incident} has more than ${recordsMax} records`, {
        hint: "locum audit search --incident reads them page by page.",
      });
    if (page.length < pageMax) return records;
  }
}
