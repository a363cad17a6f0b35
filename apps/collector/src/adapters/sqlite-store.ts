import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { Fault, type Incident, type Release } from "@locum/contracts";
import type { Durable } from "@locum/coordination";
import type { Origin, Store } from "../store.ts";
import { sqliteSchema } from "./sqlite-schema.ts";

/** A key is remembered for a week, and no more of them than this. */
const claimAgeMsMax = 7 * 86_400_000;
const claimsMax = 100_000;
/** Closed incidents kept. The audit log keeps them all. */
const incidentsMax = 10_000;
/** Records of one instance that are remembered: more than a spool sends again after an acknowledgement was lost. */
const recordedMax = 20_000;

/**
 * The store in one SQLite file, of one process: WAL with synchronous=FULL, so that a resolved promise has been
 * flushed; locking_mode=EXCLUSIVE, so that a second collector on the same folder is refused by the kernel's lock,
 * which dies with its process.
 * @throws Fault conflict | disk-full | storage-failed
 */
export function openSqliteStore(file: string, { nowMs = Date.now }: { nowMs?: () => number } = {}): Store {
  const database = guard(() => openDatabase(file));
  const statements = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    const found = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, found);
    return found;
  };
  const sql: Sql = {
    get: (text, ...values) => statement(text).get(...values),
    all: (text, ...values) => statement(text).all(...values),
    run: (text, ...values) => Number(statement(text).run(...values).changes),
  };
  // Each call is one transaction: all of it is there after a crash, or nothing.
  const call = async <T>(work: () => T): Promise<T> => guard(() => transact(database, work));
  return {
    takeTerm: () => call(() => takeTerm(sql)),
    leadUntilMs: () => Number.POSITIVE_INFINITY,
    ...serviceCalls(sql, call),
    ...claimCalls(sql, call, nowMs),
    ...incidentCalls(sql, call),
    ...releaseCalls(sql, call),
    ...recordedCalls(sql, call),
    close: async () => {
      if (database.isOpen) database.close();
    },
  };
}

type Value = string | number;
type Row = Record<string, SQLOutputValue>;
type Sql = {
  get: (text: string, ...values: Value[]) => Row | undefined;
  all: (text: string, ...values: Value[]) => Row[];
  run: (text: string, ...values: Value[]) => number;
};
type Call = <T>(work: () => T) => Promise<T>;

function takeTerm(sql: Sql): number {
  const row = sql.get(
    "INSERT INTO term VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET term = term + 1 RETURNING term",
  );
  return Number(row?.term);
}

function serviceCalls(sql: Sql, call: Call): Pick<Store, "readService" | "swapService"> {
  const read = (service: string): Durable | null =>
    parse(sql.get("SELECT durable AS json FROM service WHERE service = ?", service));
  return {
    readService: (service) => call(() => read(service)),
    swapService: (service, durable) =>
      call(() => {
        const text = JSON.stringify(durable);
        const found = read(service);
        if (JSON.stringify(found) === text) return { ok: true } as const;
        if ((found?.version ?? 0) !== durable.version - 1) return { ok: false, found } as const;
        sql.run("INSERT OR REPLACE INTO service VALUES (?, ?, ?)", service, durable.version, text);
        return { ok: true } as const;
      }),
  };
}

function claimCalls(sql: Sql, call: Call, nowMs: () => number): Pick<Store, "claimKey" | "acceptKey"> {
  return {
    claimKey: ({ key, request, operation, service, atMs }) =>
      call(() => {
        sql.run("DELETE FROM claim WHERE atMs < ?", nowMs() - claimAgeMsMax);
        sql.run(
          "DELETE FROM claim WHERE key IN (SELECT key FROM claim ORDER BY atMs DESC LIMIT -1 OFFSET ?)",
          claimsMax,
        );
        const insert =
          "INSERT OR IGNORE INTO claim (key, request, operation, service, atMs) VALUES (?, ?, ?, ?, ?)";
        sql.run(insert, key, request, operation, service, atMs);
        const row = sql.get("SELECT * FROM claim WHERE key = ?", key);
        return {
          key,
          request: String(row?.request),
          operation: String(row?.operation),
          service: String(row?.service),
          atMs: Number(row?.atMs),
          accepted: row?.accepted === 1,
        };
      }),
    acceptKey: (key) =>
      call(() => {
        sql.run("UPDATE claim SET accepted = 1 WHERE key = ?", key);
      }),
  };
}

function incidentCalls(sql: Sql, call: Call): Pick<Store, "putIncident" | "incidents" | "incident"> {
  return {
    putIncident: (incident) =>
      call(() => {
        const { id, service, openedAtMs, closedAtMs } = incident;
        const open = closedAtMs === null ? 1 : 0;
        const text = JSON.stringify(incident);
        sql.run(
          "INSERT OR REPLACE INTO incident VALUES (?, ?, ?, ?, ?)",
          id,
          service,
          Math.round(openedAtMs),
          open,
          text,
        );
        if (open === 0)
          sql.run(
            "DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE open = 0 ORDER BY openedAtMs DESC LIMIT -1 OFFSET ?)",
            incidentsMax,
          );
      }),
    incidents: ({ service = "", open, limit }) =>
      call(() =>
        sql
          .all(
            "SELECT incident AS json FROM incident WHERE (? = '' OR service = ?) AND (? = -1 OR open = ?) ORDER BY openedAtMs DESC, id DESC LIMIT ?",
            service,
            service,
            ...(open === undefined ? [-1, -1] : [Number(open), Number(open)]),
            limit,
          )
          .flatMap((row) => parse<Incident>(row) ?? []),
      ),
    incident: (id) =>
      call(() => parse<Incident>(sql.get("SELECT incident AS json FROM incident WHERE id = ?", id))),
  };
}

function releaseCalls(sql: Sql, call: Call): Pick<Store, "putRelease" | "releases"> {
  return {
    putRelease: (release) =>
      call(() => {
        sql.run("INSERT OR REPLACE INTO release VALUES (?, ?)", release.digest, JSON.stringify(release));
      }),
    releases: () =>
      call(() => sql.all("SELECT release AS json FROM release").flatMap((row) => parse<Release>(row) ?? [])),
  };
}

function recordedCalls(sql: Sql, call: Call): Pick<Store, "areRecorded" | "markRecorded"> {
  const keys = ({ service, instance, seq, digest }: Origin) => [service, instance, seq, digest] as const;
  const found = "SELECT 1 FROM recorded WHERE service = ? AND instance = ? AND seq = ? AND digest = ?";
  const insert = "INSERT OR IGNORE INTO recorded (service, instance, seq, digest) VALUES (?, ?, ?, ?)";
  const oldest =
    "SELECT id FROM recorded WHERE service = ? AND instance = ? ORDER BY id DESC LIMIT 1 OFFSET ?";
  const forget = `DELETE FROM recorded WHERE service = ? AND instance = ? AND id <= (${oldest})`;
  return {
    areRecorded: (origins) =>
      call(() => origins.map((origin) => sql.get(found, ...keys(origin)) !== undefined)),
    markRecorded: (origins) =>
      call(() => {
        for (const origin of origins) sql.run(insert, ...keys(origin));
        const senders = new Map(origins.map((origin) => [`${origin.service}/${origin.instance}`, origin]));
        for (const { service, instance } of senders.values())
          sql.run(forget, service, instance, service, instance, recordedMax);
      }),
  };
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    // The first write takes the lock that locking_mode keeps.
    database.exec(`BEGIN IMMEDIATE; ${sqliteSchema} COMMIT;`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

const parse = <T>(row: Row | undefined): T | null => (row ? (JSON.parse(String(row.json)) as T) : null);

/** SQLite result codes (sqlite.org/rescode.html) as faults. */
function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !("errcode" in error)) throw error;
    const code = Number(error.errcode) & 0xff;
    if (code === 5)
      throw new Fault("conflict", "another collector holds this data folder", {
        hint: "Stop it, or give this one another --data-dir.",
        cause: error,
      });
    if (code === 13) throw new Fault("disk-full", "the store's disk is full", { cause: error });
    throw new Fault("storage-failed", `the store failed: ${error.message}`, { cause: error });
  }
}
