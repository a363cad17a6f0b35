import { join } from "node:path";
import { type EvidenceBody, evidenceText, renderEvidenceHtml, sealEvidence } from "@locum/audit";
import type { AuditProof, AuditRecord } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";

/** Signs a report and writes it twice: for programs, and as one page for people. Gives both names. */
export async function writeEvidence({
  body,
  records,
  log,
  key,
  dir,
  name,
}: {
  body: EvidenceBody;
  records: readonly AuditRecord[];
  /** That the records are in the signed log. */
  log?: AuditProof;
  key: string;
  dir: string;
  name: string;
}): Promise<string[]> {
  const evidence = sealEvidence({ body, records, log, key });
  const files = [join(dir, `${name}.json`), join(dir, `${name}.html`)];
  for (const [index, text] of [evidenceText(evidence), renderEvidenceHtml(evidence)].entries())
    await writeFileAtomic(files[index] ?? "", text);
  return files;
}
