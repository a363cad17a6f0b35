import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runHooks } from "./run-hooks.ts";
import { sqliteHook } from "./sqlite-hook.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "locum-sqlite-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const hookOf = (timeoutMs = 60_000) =>
  ({ kind: "sqlite", name: "features", file: join(folder, "live.sqlite"), timeoutMs }) as const;

function liveDatabase(journal: string): DatabaseSync {
  const live = new DatabaseSync(join(folder, "live.sqlite"));
  live.exec(
    `PRAGMA journal_mode=${journal}; PRAGMA synchronous=OFF; PRAGMA user_version=7; CREATE TABLE pair (a INTEGER, b INTEGER)`,
  );
  return live;
}

describe.for(["wal", "delete"])("journal mode %s", (journal) => {
  test("a copy taken while pairs are written has whole transactions only, and the source is as it was", async () => {
    using live = liveDatabase(journal);
    let written = 0;
    const write = () => {
      live.exec("BEGIN");
      live.prepare("INSERT INTO pair VALUES (?, ?)").run(written, 0);
      live.prepare("INSERT INTO pair VALUES (?, ?)").run(written, 1);
      live.exec("COMMIT");
      written++;
    };
    for (let count = 0; count < 50; count++) write();
    const copying = runHooks([hookOf()], { dir: join(folder, "out") });
    let isDone = false;
    copying.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      // A reader that holds its lock makes the writer of the older mode wait: it tries again.
      try {
        write();
      } catch (error) {
        expect(String(error)).toContain("locked");
        if (live.isTransaction) live.exec("ROLLBACK");
      }
      await new Promise(setImmediate);
    }
    const [outcome] = await copying;
    expect(outcome).toMatchObject({ outcome: "copied", identity: { user_version: 7, page_size: 4096 } });
    using copy = new DatabaseSync(join(folder, "out", "features", "database.sqlite"), { readOnly: true });
    const halves = copy.prepare("SELECT a FROM pair GROUP BY a HAVING count(*) <> 2").all();
    const found = copy.prepare("SELECT count(*) AS n FROM pair").get()?.n;
    expect(halves).toEqual([]);
    expect(found).toBeGreaterThanOrEqual(100);
    expect(live.prepare("SELECT count(*) AS n FROM pair").get()?.n).toBe(2 * written);
  });
});

test("a source that is absent, no database or locked fails with its reason, and makes nothing", async () => {
  const dir = join(folder, "out");
  const reason = async () => {
    const [outcome] = await runHooks([hookOf(2000)], { dir });
    expect(await readdir(dir)).toEqual([]);
    return outcome && "reason" in outcome ? outcome.reason : "";
  };
  expect(await reason()).toContain("unable to open");
  expect(await readdir(folder)).toEqual(["out"]);
  await writeFile(join(folder, "live.sqlite"), "no database".repeat(1000));
  expect(await reason()).toContain("not a database");
  await rm(join(folder, "live.sqlite"));
  using live = liveDatabase("delete");
  live.exec("BEGIN EXCLUSIVE");
  expect(await reason()).toContain("locked");
});

test("a copy is stopped in the middle", async () => {
  using live = liveDatabase("wal");
  live.exec("INSERT INTO pair VALUES (1, 1)");
  const signal = AbortSignal.abort();
  await expect(sqliteHook(hookOf(), { dir: folder, signal })).rejects.toMatchObject({
    code: "upstream-timeout",
  });
});
