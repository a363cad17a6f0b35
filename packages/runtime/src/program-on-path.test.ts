import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { programOnPath } from "./program-on-path.ts";

test("finds what could be started, and nothing else", async () => {
  const dir = await mkdtemp(join(tmpdir(), "locum-path-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await mkdir(join(dir, "bin/folder"), { recursive: true });
  const tool = join(dir, "bin/tool");
  await writeFile(tool, "#!/bin/sh\n");
  const at = { path: `${dir}/none:${dir}/bin`, cwd: dir };
  expect(await programOnPath("tool", at)).toBe(null);
  await chmod(tool, 0o755);
  expect(await programOnPath("tool", at)).toBe(tool);
  expect(await programOnPath("bin/tool", { ...at, path: "" })).toBe(tool);
  expect(await programOnPath("./tool", at)).toBe(null);
  expect(await programOnPath("folder", at)).toBe(null);
  expect(await programOnPath("tool", { ...at, path: "" })).toBe(null);
});
