import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const folder = join(import.meta.dirname, "../../deploy/prometheus");
const missing =
  spawnSync("promtool", ["--version"]).error === undefined
    ? ""
    : "skipped: promtool is not installed (Debian has it in prometheus)";

describe.skipIf(missing)(`promtool${missing ? ` (${missing})` : ""}`, () => {
  test.each([
    ["check", "locum.rules.yml"],
    ["test", "locum.rules.test.yml"],
  ])("%s rules %s", (verb, file) => {
    const { status, stdout, stderr } = spawnSync("promtool", [verb, "rules", file], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(status, `${stdout}${stderr}`).toBe(0);
  });
});
