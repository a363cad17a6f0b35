import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Fs, nodeFs } from "./fs.ts";
import { isMissing } from "./fs-fault.ts";
import { createMemoryFs } from "./testing/memory-fs.ts";

// The crash tests prove something only as far as the file system in memory behaves like a real one.

const path = fc.constantFrom("a", "b", "c", "a/x", "b/x", "c/x", "a/x/y");
const call = fc.oneof(
  fc.record({ call: fc.constantFrom("write", "mkdir", "unlink", "rmdir", "read", "list"), path }),
  fc.record({ call: fc.constantFrom("rename", "link", "symlink"), path, other: path }),
);

test.runIf(process.platform === "linux")("the memory and the disk answer alike, call for call", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 25 }), async (calls) => {
      const root = await mkdtemp(join(tmpdir(), "locum-fs-"));
      const memory = createMemoryFs().fs;
      try {
        for (const [index, step] of calls.entries()) {
          const [real, ours] = [
            await outcome(nodeFs, root, step, index),
            await outcome(memory, "", step, index),
          ];
          expect([step, ours]).toEqual([step, real]);
        }
      } finally {
        await rm(root, { recursive: true });
      }
    }),
    { numRuns: 300 },
  );
});

type Step = { call: string; path: string; other?: string };

async function outcome(fs: Fs, root: string, { call: name, path: at, other = "" }: Step, index: number) {
  const [place, second] = [`${root}/${at}`, `${root}/${other}`];
  const acts: Record<string, () => Promise<unknown>> = {
    async write() {
      const handle = await fs.open(place, "wx");
      await handle.write(Buffer.from(`${index}`), 0);
      await handle.close();
    },
    async read() {
      const handle = await fs.open(place, "r");
      const buffer = new Uint8Array(9);
      try {
        return Buffer.from(buffer.subarray(0, await handle.read(buffer, 0))).toString();
      } finally {
        await handle.close();
      }
    },
    list: async () => (await fs.readdir(place)).toSorted(),
    mkdir: () => fs.mkdir(place),
    unlink: () => fs.unlink(place),
    rmdir: () => fs.rmdir(place),
    rename: () => fs.rename(place, second),
    link: () => fs.link(place, second),
    symlink: () => fs.symlink(at.split("/").at(-1) ?? "", second),
  };
  try {
    const result = (await acts[name]?.()) ?? "done";
    return { result, kind: (await fs.lstat(place).catch(() => undefined))?.kind };
  } catch (error) {
    // Which of two reasons a system names first is its own affair; these two decide what a restore does.
    const code = (error as { code?: string }).code ?? "";
    return {
      failed: code === "EEXIST" || isMissing(error) ? code.replace("ENOTDIR", "ENOENT") : "otherwise",
    };
  }
}
