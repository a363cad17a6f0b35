import { rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type AuditAnswer, type AuditEvent, type AuditSearch, Fault } from "@locum/contracts";
import { genesis, type Link } from "../seal-record.ts";
import { rollUps } from "./compile-aggregation.ts";
import { guard } from "./guard.ts";
import { projectionSchema, projectionVersion } from "./projection-schema.ts";
import { searchProjection } from "./search-projection.ts";
import type { Sql } from "./sql-condition.ts";
import { wordsOf } from "./words-of.ts";

/**
 * The records of a log in SQLite, to be asked. Nothing in it is the truth: whatever is wrong with the file, it is made
 * again from the log. Calls are synchronous; a question over many records that no index serves takes its time.
 */
export type Projection = {
  /** The last record that it holds. */
  head(): Link;
  /**
   * Adds the lines that follow, in one transaction.
   * @throws Fault conflict where they do not follow, disk-full | storage-failed
   */
  add(lines: readonly string[]): void;
  search(search: AuditSearch): AuditAnswer;
  /** What it says the lines of the log are, oldest first. */
  lines(): Iterable<{ seq: number; line: string }>;
  /** Forgets everything. */
  reset(): void;
  close(): void;
};

/** @throws Fault conflict | disk-full | storage-failed */
export function openProjection(file: string): Projection {
  let database = guard(() => openOrMakeAnew(file));
  let statements = new Map<string, StatementSync>();
  const prepared = (text: string): StatementSync => {
    const found = statements.get(text) ?? database.prepare(text);
    // Questions come in few shapes; a stranger's many must not stay.
    if (statements.size > 200) statements.clear();
    statements.set(text, found);
    return found;
  };
  const all = <Row>({ text, values }: Sql): Row[] => prepared(text).all(...values) as Row[];
  let head = headOf(all);

  return {
    head: () => head,
    add(lines) {
      if (lines.length === 0) return;
      const rows = lines.map(readRow);
      head = guard(() => transact(database, () => insert(prepared, rows, head)));
    },
    search: (search) => guard(() => searchProjection(search, all)),
    *lines() {
      for (const row of prepared("SELECT seq, line FROM records ORDER BY seq").iterate())
        yield row as { seq: number; line: string };
    },
    reset() {
      guard(() => {
        database.close();
        removeFiles(file);
        database = openDatabase(file);
      });
      statements = new Map();
      head = headOf(all);
    },
    close: () => database.close(),
  };
}

type Row = { seq: number; previous: string; hash: string; event: AuditEvent; line: string };

function readRow(line: string): Row {
  return { ...(JSON.parse(line) as Omit<Row, "line">), line };
}

function insert(prepared: (text: string) => StatementSync, rows: readonly Row[], head: Link): Link {
  const record = prepared(
    "INSERT INTO records (seq, at, kind, service, instance, actor, epoch, incident, line) VALUES (?,?,?,?,?,?,?,?,?)",
  );
  const text = prepared("INSERT INTO words (rowid, reason) VALUES (?,?)");
  let last = head;
  for (const { seq, previous, hash, event, line } of rows) {
    if (seq !== last.seq + 1 || previous !== last.hash)
      throw new Fault("conflict", `the projection ends at ${last.seq}, and record ${seq} does not follow it`);
    const { kind, service, instance, actor, epoch, incident, reason } = event;
    const at = Date.parse(event.at);
    record.run(seq, at, kind, service, instance, actor, epoch, incident, line);
    text.run(seq, wordsOf(reason).join(" "));
    last = { seq, hash };
  }
  for (const unit of rollUps) rollUp(prepared, rows, unit);
  return last;
}

function rollUp(
  prepared: (text: string) => StatementSync,
  rows: readonly Row[],
  { table, ms }: (typeof rollUps)[number],
): void {
  const counts = new Map<string, { values: [number, string, string]; n: number }>();
  for (const { event } of rows) {
    const at = Math.floor(Date.parse(event.at) / ms) * ms;
    const key = `${at} ${event.kind} ${event.service}`;
    const count = counts.get(key);
    if (count) count.n += 1;
    else counts.set(key, { values: [at, event.kind, event.service], n: 1 });
  }
  const statement = prepared(
    `INSERT INTO ${table} (at, kind, service, n) VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET n = n + excluded.n`,
  );
  for (const { values, n } of counts.values()) statement.run(...values, n);
}

function openOrMakeAnew(file: string): DatabaseSync {
  try {
    return openDatabase(file);
  } catch (error) {
    // 11 corrupt, 26 not a database, and a schema of another version: the log has it all.
    if (!isDamaged(error)) throw error;
    removeFiles(file);
    return openDatabase(file);
  }
}

const isDamaged = (error: unknown): boolean =>
  error instanceof OtherVersion || [11, 26].includes(Number((error as { errcode?: number }).errcode));

class OtherVersion extends Error {}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    // The log is flushed before; what a crash takes from here is read from it again.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;");
    const { user_version: version } = database.prepare("PRAGMA user_version").get() ?? {};
    if (version !== 0 && version !== projectionVersion) throw new OtherVersion();
    database.exec(`BEGIN; ${projectionSchema} PRAGMA user_version = ${projectionVersion}; COMMIT;`);
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function removeFiles(file: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
}

function headOf(all: <R>(sql: Sql) => R[]): Link {
  const [last] = all<{ line: string }>({
    text: "SELECT line FROM records ORDER BY seq DESC LIMIT 1",
    values: [],
  });
  if (!last) return { seq: -1, hash: genesis };
  const { seq, hash } = readRow(last.line);
  return { seq, hash };
}

function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
