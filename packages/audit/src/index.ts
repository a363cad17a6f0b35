export { type AuditLog, type AuditQuery, openAuditLog } from "./audit-log.ts";
export {
  Evidence,
  EvidenceBody,
  evidenceKeyId,
  evidenceText,
  type Measure,
  sealEvidence,
} from "./evidence.ts";
export { renderEvidenceHtml } from "./evidence-html.ts";
export { type LogFs, nodeLogFs } from "./log-fs.ts";
export { openSpool, type Spool, type SpoolStats } from "./spool.ts";
export type { SpooledEvent } from "./spool-line.ts";
export { type EvidenceVerdict, verifyEvidence } from "./verify-evidence.ts";
