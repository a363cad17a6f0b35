/**
 * One row a fact. Durable states are whole JSON documents beside their version: they are read and written as one, and
 * a column for each field would be a second schema. STRICT refuses a value of another type.
 */
export const sqliteSchema = `
  CREATE TABLE IF NOT EXISTS term (one INTEGER PRIMARY KEY CHECK (one = 1), term INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS service (
    service TEXT PRIMARY KEY, version INTEGER NOT NULL, durable TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS claim (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, operation TEXT NOT NULL, service TEXT NOT NULL,
    atMs INTEGER NOT NULL, accepted INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS claimByTime ON claim (atMs);
  CREATE TABLE IF NOT EXISTS incident (
    id TEXT PRIMARY KEY, service TEXT NOT NULL, openedAtMs INTEGER NOT NULL, open INTEGER NOT NULL,
    incident TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS incidentByTime ON incident (openedAtMs);
  CREATE TABLE IF NOT EXISTS release (digest TEXT PRIMARY KEY, release TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS recorded (
    id INTEGER PRIMARY KEY, service TEXT NOT NULL, instance TEXT NOT NULL, seq INTEGER NOT NULL, digest TEXT NOT NULL,
    UNIQUE (service, instance, seq, digest)
  ) STRICT;
`;
