import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openKeyFolder } from "./key-folder.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "locum-keys-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

test("both keys, each for its owner only", async () => {
  const files = await (await openKeyFolder("keys", { cwd })).write({ ship: "c2hpcA==", read: "cmVhZA==" });
  expect(files).toEqual([join(cwd, "keys/elasticsearch-ship.key"), join(cwd, "keys/elasticsearch-read.key")]);
  expect(await Promise.all(files.map((file) => readFile(file, "utf8")))).toEqual([
    "c2hpcA==\n",
    "cmVhZA==\n",
  ]);
  for (const file of files) expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("a key that is there is not written over", async () => {
  await writeFile(join(cwd, "elasticsearch-read.key"), "in use");
  await expect(openKeyFolder(".", { cwd })).rejects.toMatchObject({ code: "conflict" });
});

test("one key alone is not left behind", async () => {
  const folder = await openKeyFolder(".", { cwd });
  await mkdir(join(cwd, "elasticsearch-read.key"));
  const failed = await folder.write({ ship: "c2hpcA==", read: "cmVhZA==" }).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "storage-failed" });
  expect(String(failed)).not.toContain("c2hpcA==");
  await expect(stat(join(cwd, "elasticsearch-ship.key"))).rejects.toThrow("ENOENT");
});
