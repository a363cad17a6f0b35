import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openTwin } from "./open-twin.ts";
import { recoverRestore } from "./recover-restore.ts";
import { restoreTree } from "./restore.ts";
import { scanTree } from "./scan-tree.ts";
import { makeModelDir } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const worker = fileURLToPath(new URL("./testing/restore-once.ts", import.meta.url));
const files = Object.fromEntries(
  Array.from({ length: 40 }, (_, index) => [`${index % 4}/part-${index}.bin`, `good ${index} `.repeat(5000)]),
);

/** Where the process is killed: when it says so, and so many turns of the disk's own clock after it. */
const moments = ["judge", "clone", "swap", "verify"].flatMap((phase) =>
  [0, 2].map((turns) => [phase, turns] as const),
);

test.runIf(process.platform !== "win32").for(moments)(
  "killed after it said %s, %i turns later: the judged tree or the target, and the next restore works",
  async ([phase, turns]) => {
    await using model = await makeModelDir(files);
    const { dir } = model;
    const tree = await scanTree({ dir });
    await stageTwin({ dir, tree });
    const bad = Object.keys(files).map((path) => [path, `bad ${path}`] as const);
    for (const [path, text] of bad) await writeFile(join(dir, path), text);
    const judged = await scanTree({ dir });

    await killAt(dir, tree.digest, phase, turns);
    const { outcome } = await recoverRestore({ dir });
    const live = await scanTree({ dir });
    const isWhole = {
      none: [judged.digest, tree.digest],
      completed: [tree.digest],
      "rolled-back": [judged.digest],
    };
    expect(isWhole[outcome as keyof typeof isWhole]).toContain(live.digest);
    const kept = new Set(everyContent(model.scratch));
    for (const [, text] of bad) expect(kept).toContain(text);

    const { source } = await openTwin({ dir, digest: tree.digest });
    await restoreTree({ dir, expected: live.digest, target: tree, source });
    expect(await scanTree({ dir })).toEqual(tree);
    expect(readdirSync(dir)).toEqual(["0", "1", "2", "3"]);
  },
);

async function killAt(dir: string, digest: string, phase: string, turns: number): Promise<void> {
  const child = spawn(process.execPath, [worker, JSON.stringify({ dir, digest })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  let said = "";
  for await (const text of child.stdout.setEncoding("utf8")) {
    said += text;
    if (!said.includes(`${phase}\n`)) continue;
    for (let turn = 0; turn < turns; turn++) readdirSync(dir, { recursive: true });
    child.kill("SIGKILL");
    break;
  }
  await exit;
  expect(said).toContain(`${phase}\n`);
}

function everyContent(scratch: string): string[] {
  return readdirSync(scratch, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
}
