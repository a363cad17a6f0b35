import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { AuditAnswer, AuditSearch } from "@locum/contracts";
import { guard } from "./guard.ts";
import { searchProjection } from "./search-projection.ts";
import type { Sql } from "./sql-condition.ts";

export type ProjectionReader = { search(search: AuditSearch): AuditAnswer; close(): void };

const busyMs = 5000;

/**
 * The same answers out of a projection that somebody else writes: for a thread of its own. One that was made anew since
 * has to be opened again.
 * @throws Fault conflict | storage-failed
 */
export function openProjectionReader(file: string): ProjectionReader {
  const database = guard(() => new DatabaseSync(file, { readOnly: true, timeout: busyMs }));
  const statements = new Map<string, StatementSync>();
  const all = <Row>({ text, values }: Sql): Row[] => {
    const statement = statements.get(text) ?? database.prepare(text);
    // Questions come in few shapes; a stranger's many must not stay.
    if (statements.size > 200) statements.clear();
    statements.set(text, statement);
    return statement.all(...values) as Row[];
  };
  return { search: (search) => guard(() => searchProjection(search, all)), close: () => database.close() };
}
