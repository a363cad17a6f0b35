export { type AuditLog, type AuditQuery, openAuditLog } from "./audit-log.ts";
export { type LogFs, nodeLogFs } from "./log-fs.ts";
export { openSpool, type Spool, type SpoolStats } from "./spool.ts";
export type { SpooledEvent } from "./spool-line.ts";
