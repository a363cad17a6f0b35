import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { removeDrafts, writeFileAtomic } from "./atomic-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "locum-atomic-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("replaces a file with its mode, makes its folder, and leaves no draft", async () => {
  const path = join(folder, "new", "token.json");
  await writeFileAtomic(path, "one", { mode: 0o600 });
  await writeFileAtomic(path, "two", { mode: 0o600 });
  expect(await readFile(path, "utf8")).toBe("two");
  if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, "new"))).toEqual(["token.json"]);
});

test("a failed write leaves the old file and no draft", async () => {
  const path = join(folder, "folder-in-the-way");
  await writeFileAtomic(join(path, "inside"), "kept");
  await expect(writeFileAtomic(path, "lost")).rejects.toMatchObject({ code: "storage-failed" });
  expect(await readFile(join(path, "inside"), "utf8")).toBe("kept");
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("killed at any moment, the file is one whole version and never an older one than was confirmed", async () => {
  const path = join(folder, "killed.json");
  const writer = new URL("testing/write-forever.ts", import.meta.url).pathname;
  for (const confirmedMin of [1, 5, 20]) {
    const child = spawn(process.execPath, [writer, path], { stdio: ["ignore", "pipe", "inherit"] });
    let confirmed = "";
    for await (const chunk of child.stdout) {
      confirmed += chunk;
      if (confirmed.split("\n").length > confirmedMin) break;
    }
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const last = Number(confirmed.trim().split("\n").at(-1));
    const { version, filler } = JSON.parse(await readFile(path, "utf8"));
    expect(version).toBeGreaterThanOrEqual(last);
    expect(filler).toBe("x".repeat(200_000));
  }
});

test("drafts of dead writers are removed, other files are not", async () => {
  const path = join(folder, "state.json");
  await writeFile(join(folder, ".state.json.0123456789ab.tmp"), "half");
  await writeFile(join(folder, ".state.json.keep"), "other");
  await removeDrafts(path);
  const names = await readdir(folder);
  expect(names).not.toContain(".state.json.0123456789ab.tmp");
  expect(names).toContain(".state.json.keep");
});
