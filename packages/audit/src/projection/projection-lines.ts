import { DatabaseSync } from "node:sqlite";
import { type AuditEvent, Fault } from "@locum/contracts";

type Row = {
  at: number;
  kind: string;
  service: string;
  instance: string | null;
  actor: string;
  epoch: number;
  incident: string | null;
  line: string;
};

/**
 * The lines that a projection holds, for a verifier: the file is only read. A row whose columns say something else than
 * its line is no line of the log.
 * @throws Fault not-found where it cannot be opened
 */
export function* projectionLines(file: string): Generator<string> {
  const database = open(file);
  try {
    const rows = database.prepare(
      "SELECT at, kind, service, instance, actor, epoch, incident, line FROM records ORDER BY seq",
    );
    for (const row of rows.iterate()) yield isTrue(row as Row) ? (row as Row).line : "";
  } finally {
    database.close();
  }
}

function isTrue({ line, ...columns }: Row): boolean {
  let event: AuditEvent;
  try {
    event = (JSON.parse(line) as { event: AuditEvent }).event;
  } catch {
    return true;
  }
  return (
    Date.parse(event.at) === columns.at &&
    (["kind", "service", "instance", "actor", "epoch", "incident"] as const).every(
      (name) => event[name] === columns[name],
    )
  );
}

function open(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { readOnly: true });
  } catch (error) {
    throw new Fault("not-found", `${file} cannot be opened: ${(error as Error).message}`, {
      hint: "Name the file of a projection.",
      cause: error,
    });
  }
}
