export { type AuditLog, type AuditQuery, openAuditLog } from "./audit-log.ts";
export type { Difference, KnownLeaf } from "./compare-records.ts";
export type { Cosigned } from "./cosigned-by.ts";
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
export { brokenProof, proveRecords } from "./log-proof.ts";
export type { LogTree } from "./log-tree.ts";
export { leafHash } from "./merkle/merkle-hash.ts";
export { isConsistent, isIncluded } from "./merkle/verify-proof.ts";
export { type Checkpoint, openCheckpoint, readCheckpointSize } from "./note/checkpoint.ts";
export { cosignedAt } from "./note/cosignature.ts";
export { type NoteKey, type NoteSigner, noteKeyOf, noteKeyText, readNoteKey } from "./note/note-key.ts";
export { darkPalette, lightPalette, pageStyle } from "./page-style.ts";
export { openSpool, type Spool, type SpoolStats } from "./spool.ts";
export type { SpooledEvent } from "./spool-line.ts";
export { createTally, openTally, type Tally } from "./tally.ts";
export { timelineSvg } from "./timeline-svg.ts";
export { commitmentOf, openVault, type Vault } from "./vault.ts";
export { type EvidenceVerdict, verifyEvidence } from "./verify-evidence.ts";
export { type LogVerdict, logIdIn, logIdOf, verifyLog } from "./verify-log.ts";
export { verifyPage } from "./verify-page/verify-page.ts";
export { witness } from "./witness.ts";
