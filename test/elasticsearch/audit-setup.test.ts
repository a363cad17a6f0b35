import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LocumCommand, locumCommand } from "../stack/locum-command.ts";
import { families } from "./family.ts";
import { type ElasticsearchDouble, startDouble } from "./start-double.ts";

let dir: string;
let locum: LocumCommand;
let double: ElasticsearchDouble | undefined;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-setup-"));
  locum = locumCommand({ dir });
});
afterEach(async () => {
  await double?.close();
  double = undefined;
  await rm(dir, { recursive: true, force: true });
});

const setup = async (...more: string[]) => {
  const { code, stdout, stderr } = await locum.run(
    "audit",
    "setup",
    "--elasticsearch",
    double?.url ?? "",
    "--json",
    ...more,
  );
  return { code, stderr, stdout, summary: JSON.parse(stdout.trim().split("\n").at(-1) || "null") };
};

test.each(families)(
  "%s: looked at, put there, nothing to do, taken out",
  { timeout: 60_000 },
  async (family) => {
    double = await startDouble({ family });
    expect(await setup("--dry-run")).toMatchObject({ code: 0, summary: { dryRun: true } });
    expect(await setup("--diff")).toMatchObject({ code: 3 });
    const first = await setup();
    expect(first).toMatchObject({ code: 0, summary: { same: 0 } });
    expect(await setup()).toMatchObject({ code: 0, summary: { changed: 0, same: first.summary.changed } });
    expect(await setup("--diff")).toMatchObject({ code: 0, summary: { different: [] } });
    const { code, summary } = await setup("--uninstall");
    expect({ code, removed: summary.removed.length }).toEqual({ code: 0, removed: first.summary.changed });
    expect(await setup("--diff")).toMatchObject({ code: 3 });
  },
);

test("with a user: makes the two keys of the collector, and tells neither", { timeout: 60_000 }, async () => {
  double = await startDouble({ security: true, whole: true });
  await writeFile(join(dir, "user"), "locum:locum-test\n", { mode: 0o600 });
  expect(await setup()).toMatchObject({ code: 12, stderr: expect.stringContaining("--user-file") });
  const done = await setup("--user-file", "user", "--keys", "keys");
  expect(done).toMatchObject({ code: 0, summary: { keys: [expect.any(String), expect.any(String)] } });
  for (const file of done.summary.keys) {
    const key = (await readFile(file, "utf8")).trim();
    expect(key.length).toBeGreaterThan(8);
    expect(done.stdout + done.stderr).not.toContain(key);
  }
  expect(await setup("--user-file", "user", "--keys", "keys")).toMatchObject({ code: 11 });
  // Neither key may do what the set-up does.
  expect(await setup("--api-key-file", done.summary.keys[0])).toMatchObject({ code: 12 });
});

test.each([
  [["--elasticsearch", "http://u:p@127.0.0.1:1"], 64, "--api-key-file"],
  [["--elasticsearch", "http://127.0.0.1:1"], 2, "Is Elasticsearch running"],
  [["--elasticsearch", "http://127.0.0.1:1", "--namespace", "a*"], 64, "--namespace"],
  [["--elasticsearch", "http://127.0.0.1:1", "--data"], 64, "--uninstall"],
  [["--elasticsearch", "http://127.0.0.1:1", "--dashboards", "http://u:p@127.0.0.1:1"], 64, "--dashboards"],
  [[], 64, "--elasticsearch URL"],
])("%j: what is wrong is told", async (argv, code, told) => {
  const ended = await locum.run("audit", "setup", ...argv);
  expect(ended.code).toBe(code);
  expect(ended.stderr).toContain(told);
});
