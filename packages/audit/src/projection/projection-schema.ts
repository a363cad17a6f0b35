/** Grows with every change of the schema: a file of another version is made anew. */
export const projectionVersion = 1;

/** An index of SQLite ends with the row's number: equal in its columns, records are in the order of the log. */
export const projectionSchema = `
CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, service TEXT NOT NULL, instance TEXT,
  actor TEXT NOT NULL, epoch INTEGER NOT NULL, incident TEXT, line TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_at ON records (at);
CREATE INDEX IF NOT EXISTS records_kind ON records (kind);
CREATE INDEX IF NOT EXISTS records_service_kind ON records (service, kind);
CREATE INDEX IF NOT EXISTS records_instance_kind ON records (instance, kind);
CREATE INDEX IF NOT EXISTS records_incident ON records (incident) WHERE incident IS NOT NULL;
CREATE TABLE IF NOT EXISTS hours (
  hour INTEGER NOT NULL, kind TEXT NOT NULL, service TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (hour, kind, service)) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(reason, content = '', detail = none, tokenize = 'ascii');
`;
