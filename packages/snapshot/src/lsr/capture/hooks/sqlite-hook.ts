import { join } from "node:path";
import { Fault } from "@locum/contracts";
import type { HookDriver, HookOf } from "./hook-driver.ts";
import { runProgram } from "./run-program.ts";

/**
 * `VACUUM INTO` through a connection that cannot write to the source: one transaction's view, while others write, in
 * WAL mode or not. In a process of its own, for it holds its thread for as long as the database is large, and only a
 * process can be stopped in the middle. A copy that does not check is none.
 */
export const sqliteHook: HookDriver<HookOf<"sqlite">> = async ({ file, timeoutMs }, { dir, signal }) => {
  const target = join(dir, "database.sqlite");
  // Writers that never rest may keep a reader out for long; below the time-out, so that the lock is what is told.
  const lockMs = Math.min(60_000, Math.floor(timeoutMs / 2));
  const out = await runProgram(
    process.execPath,
    ["--no-warnings", "-e", copyScript, file, target, String(lockMs)],
    {
      signal,
    },
  );
  return parseIdentity(out);
};

const copyScript = `
const { DatabaseSync } = require("node:sqlite");
const [file, target, lockMs] = process.argv.slice(1);
const fail = (error) => { process.stderr.write(String(error && error.message)); process.exit(1); };
try {
  const source = new DatabaseSync(file, { readOnly: true, timeout: Number(lockMs) });
  source.prepare("VACUUM INTO ?").run(target);
  source.close();
  const copy = new DatabaseSync(target, { readOnly: true });
  const one = (name) => Object.values(copy.prepare("PRAGMA " + name).get())[0];
  const check = one("quick_check");
  if (check !== "ok") fail(new Error("the copy does not check: " + check));
  const names = ["application_id", "user_version", "schema_version", "page_count", "page_size"];
  process.stdout.write(JSON.stringify(Object.fromEntries(names.map((name) => [name, one(name)]))));
} catch (error) { fail(error); }
`;

function parseIdentity(text: string): Record<string, number> {
  const found: unknown = JSON.parse(text);
  const entries = typeof found === "object" && found !== null ? Object.entries(found) : [];
  if (entries.length === 0 || !entries.every(([, value]) => typeof value === "number"))
    throw new Fault("upstream-protocol", "expected the numbers of a database, found something else");
  return Object.fromEntries(entries);
}
