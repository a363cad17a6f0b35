import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SnapshotHook } from "@locum/contracts";
import { runHooks } from "@locum/snapshot/repository";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort } from "../stack/free-port.ts";

const run = promisify(execFile);
const onPath = (program: string): boolean =>
  (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, program)));

function postgresFolder(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort() : [];
  return versions
    .map((version) => join(root, version, "bin"))
    .findLast((bin) => existsSync(join(bin, "initdb")));
}

const postgres = postgresFolder();
const wanted = process.env.LOCUM_REAL_PARTS === "1";
const noPostgres = wanted
  ? postgres
    ? undefined
    : "PostgreSQL's server is not installed"
  : "LOCUM_REAL_PARTS is not 1";
const noRedis = wanted
  ? onPath("redis-server")
    ? undefined
    : "redis-server is not installed"
  : "LOCUM_REAL_PARTS is not 1";

/** PostgreSQL refuses to run as root: there it gets the user that its package made. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

async function stopped(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

/** Passwords of servers that live for one test. */
const password = "correct-horse";

describe.skipIf(noPostgres !== undefined)(
  `PostgreSQL${noPostgres ? ` (skipped: ${noPostgres})` : ""}`,
  () => {
    let [folder, port] = ["", 0];
    let server: ChildProcess | undefined;
    const psql = (text: string, database = "postgres") =>
      run("psql", ["-h", "127.0.0.1", "-p", String(port), "-U", "model", "-d", database, "-Atqc", text], {
        env: { ...process.env, PGPASSWORD: password },
      }).then(({ stdout }) => stdout.trim());

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "locum-postgres-"));
      port = await freePort();
      const user = serverUser();
      const [data, pwfile] = [join(folder, "data"), join(folder, "pwfile")];
      await mkdir(data);
      await writeFile(pwfile, password);
      if (user) for (const path of [folder, data, pwfile]) await chown(path, user.uid, user.gid);
      const bin = (name: string) => join(postgres ?? "", name);
      const initArgs = ["-D", data, "-U", "model", "-A", "scram-sha-256", "--pwfile", pwfile, "--no-sync"];
      execFileSync(bin("initdb"), initArgs, { ...user, stdio: "ignore", cwd: folder });
      const args = ["-D", data, "-k", folder, "-h", "127.0.0.1", "-p", String(port), "-F"];
      server = spawn(bin("postgres"), args, { ...user, stdio: "ignore", cwd: folder });
      await vi.waitFor(() => psql("SELECT 1"), { timeout: 60_000, interval: 100 });
      await psql("CREATE TABLE pair (a int, b int)");
      await writeFile(join(folder, "pgpass"), `127.0.0.1:${port}:*:model:${password}\n`, { mode: 0o600 });
    }, 120_000);
    afterAll(async () => {
      await stopped(server, "SIGINT");
      await rm(folder, { recursive: true, force: true });
    });

    const hookOf = (more: Partial<Extract<SnapshotHook, { kind: "postgresql" }>> = {}): SnapshotHook => ({
      kind: "postgresql",
      name: "features",
      host: "127.0.0.1",
      port,
      database: "postgres",
      user: "model",
      passFile: join(folder, "pgpass"),
      program: "pg_dump",
      timeoutMs: 60_000,
      ...more,
    });

    test("a dump taken while pairs are written restores with whole transactions only", async () => {
      const writers = new AbortController();
      const pair = "DO $$ BEGIN INSERT INTO pair VALUES (1, 1); INSERT INTO pair VALUES (2, 2); END $$";
      const writing = (async () => {
        while (!writers.signal.aborted) await psql(pair);
      })();
      await expect.poll(() => psql("SELECT count(*) FROM pair").then(Number)).toBeGreaterThan(0);
      const [outcome] = await runHooks([hookOf()], { dir: join(folder, "out") });
      writers.abort();
      await writing;
      expect(outcome).toMatchObject({
        outcome: "copied",
        identity: {
          port,
          database: "postgres",
          version: expect.stringMatching(/^\d+/),
          entries: expect.any(Number),
          system: expect.stringMatching(/^\d{10,20}$/),
        },
      });
      await psql("CREATE DATABASE again");
      const dump = join(folder, "out", "features", "database.dump");
      await run("pg_restore", ["-h", "127.0.0.1", "-p", String(port), "-U", "model", "-d", "again", dump], {
        env: { ...process.env, PGPASSWORD: password },
      });
      const [ones, twos] = (
        await psql("SELECT count(*) FILTER (WHERE a = 1), count(*) FILTER (WHERE a = 2) FROM pair", "again")
      ).split("|");
      expect(Number(ones)).toBeGreaterThan(0);
      expect(twos).toBe(ones);
    }, 120_000);

    test("a wrong password and a database that is not there are told, and leave nothing", async () => {
      const dir = join(folder, "failed");
      await writeFile(join(folder, "wrong"), `*:*:*:model:wrong\n`, { mode: 0o600 });
      const outcomes = await runHooks(
        [hookOf({ passFile: join(folder, "wrong") }), hookOf({ name: "absent", database: "absent" })],
        { dir },
      );
      expect(outcomes).toMatchObject([
        { code: "upstream-refused", reason: expect.stringContaining("password authentication failed") },
        { code: "upstream-refused", reason: expect.stringContaining('"absent" does not exist') },
      ]);
      expect(await readdir(dir)).toEqual([]);
    });
  },
);

describe.skipIf(noRedis !== undefined)(`Redis${noRedis ? ` (skipped: ${noRedis})` : ""}`, () => {
  let folder = "";
  const servers: ChildProcess[] = [];

  async function startRedis(
    dir: string,
  ): Promise<{ port: number; ask(...words: string[]): Promise<string> }> {
    const port = await freePort();
    await mkdir(dir, { recursive: true });
    const args = [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      dir,
      "--requirepass",
      password,
      "--save",
      "",
    ];
    servers.push(spawn("redis-server", args, { stdio: "ignore" }));
    const ask = (...words: string[]) =>
      run("redis-cli", ["-p", String(port), "--no-auth-warning", ...words], {
        env: { ...process.env, REDISCLI_AUTH: password },
      }).then(({ stdout }) => stdout.trim());
    await expect.poll(() => ask("PING").catch(() => ""), { timeout: 30_000 }).toBe("PONG");
    return { port, ask };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "locum-redis-"));
    await writeFile(join(folder, "password"), `${password}\n`, { mode: 0o600 });
    await writeFile(join(folder, "wrong"), "wrong\n", { mode: 0o600 });
  });
  afterAll(async () => {
    for (const server of servers) await stopped(server, "SIGTERM");
    await rm(folder, { recursive: true, force: true });
  });

  test("its data comes back in another server; a wrong password is told and leaves nothing", async () => {
    const live = await startRedis(join(folder, "live"));
    await live.ask("SET", "prompt:system", "be brief");
    const hook = {
      kind: "redis",
      name: "features",
      host: "127.0.0.1",
      port: live.port,
      passwordFile: join(folder, "password"),
      program: "redis-cli",
      timeoutMs: 60_000,
    } as const;
    const dir = join(folder, "out");
    const outcomes = await runHooks(
      [
        hook,
        { ...hook, name: "wrong", passwordFile: join(folder, "wrong") },
        { ...hook, name: "gone", port: 1 },
      ],
      { dir },
    );
    expect(outcomes).toMatchObject([
      { outcome: "copied", identity: { port: live.port, run_id: expect.stringMatching(/^[0-9a-f]{40}$/) } },
      { outcome: "failed", code: "upstream-refused" },
      { outcome: "failed", code: "upstream-refused", reason: expect.stringContaining("refused") },
    ]);
    expect(await readdir(dir)).toEqual(["features"]);
    const again = await startRedis(join(dir, "features"));
    expect(await again.ask("GET", "prompt:system")).toBe("be brief");
  }, 60_000);
});
