import { join } from "node:path";
import type { HookDriver, HookOf } from "./hook-driver.ts";
import { runProgram } from "./run-program.ts";

/**
 * `pg_dump` in its custom format, which is one transaction's view. The password comes from PGPASSFILE alone: a command
 * line is for everybody of the machine to read, and a child that would ask waits for nobody.
 */
export const postgresqlHook: HookDriver<HookOf<"postgresql">> = async (hook, { dir, signal }) => {
  const { host, port, database, user, passFile, program } = hook;
  const target = join(dir, "database.dump");
  const args = [`--host=${host}`, `--port=${port}`, `--username=${user}`, "--no-password"];
  const env = { PGPASSFILE: passFile ?? "/dev/null", PGCONNECT_TIMEOUT: "10", PGAPPNAME: "locum-snapshot" };
  await runProgram(program, [...args, "--format=custom", `--file=${target}`, `--dbname=${database}`], {
    env,
    signal,
  });
  const beside = (name: string): string => program.replace(/pg_dump(?=[^/]*$)/, name);
  const ask = (name: string, words: readonly string[]) =>
    beside(name) === program ? Promise.resolve("") : runProgram(beside(name), words, { env, signal });
  // Its first lines hold the server's version; the list is also the proof that the dump reads back.
  const list = await ask("pg_restore", ["--list", target]);
  // Tells a cluster from a copy of it under its address; not everybody may ask, and a dump is one without it.
  const system = await ask("psql", [...args, `--dbname=${database}`, "-AtXqc", systemQuery]).catch(() => "");
  signal.throwIfAborted();
  return {
    host,
    port,
    database,
    ...parseDumpList(list),
    ...(/^\d{1,20}\n$/.test(system) && { system: system.trim() }),
  };
};

const systemQuery = "SELECT system_identifier FROM pg_control_system()";

/** Lines such as `;     Dumped from database version: 15.14 (Debian)` and `;     TOC Entries: 14`. */
export function parseDumpList(text: string): { version?: string; entries?: number } {
  const version = /^;\s{0,20}Dumped from database version: ([\x20-\x7e]{1,100})$/m.exec(text)?.[1];
  const entries = /^;\s{0,20}TOC Entries: (\d{1,9})$/m.exec(text)?.[1];
  return { ...(version && { version }), ...(entries && { entries: Number(entries) }) };
}
