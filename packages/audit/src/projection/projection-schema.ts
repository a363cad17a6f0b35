import { rollUps } from "./compile-aggregation.ts";

/** Grows with every change of the schema: a file of another version is made anew. */
export const projectionVersion = 2;

/**
 * An index of SQLite ends with the row's number: equal in its columns, records are in the order of the log. So those
 * of one column serve the order of the log, and those that go on with the time serve a span of it.
 */
export const projectionSchema = `
CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, service TEXT NOT NULL, instance TEXT,
  actor TEXT NOT NULL, epoch INTEGER NOT NULL, incident TEXT, line TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_at ON records (at);
CREATE INDEX IF NOT EXISTS records_kind ON records (kind);
CREATE INDEX IF NOT EXISTS records_kind_at ON records (kind, at);
CREATE INDEX IF NOT EXISTS records_service_kind ON records (service, kind);
CREATE INDEX IF NOT EXISTS records_instance ON records (instance);
CREATE INDEX IF NOT EXISTS records_instance_at ON records (instance, at);
CREATE INDEX IF NOT EXISTS records_incident ON records (incident) WHERE incident IS NOT NULL;
${rollUps.map(rollUpTable).join("")}
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(reason, content = '', detail = none, tokenize = 'ascii');
`;

function rollUpTable({ table }: { table: string }): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  at INTEGER NOT NULL, kind TEXT NOT NULL, service TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (at, kind, service)) WITHOUT ROWID;
`;
}
