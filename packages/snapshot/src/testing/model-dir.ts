import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { removeTree } from "../durable.ts";
import { nodeFs } from "../fs.ts";

/** For tests: a model directory on the real disk, `<scratch>/models/digits`, that goes away with the scratch folder. */
export async function makeModelDir(
  files: Record<string, string | Uint8Array>,
): Promise<{ dir: string; scratch: string; [Symbol.asyncDispose](): Promise<void> }> {
  const scratch = await mkdtemp(join(tmpdir(), "locum-snapshot-"));
  const dir = join(scratch, "models", "digits");
  await writeFiles(dir, files);
  return {
    dir,
    scratch,
    async [Symbol.asyncDispose]() {
      await removeTree(nodeFs, scratch).catch(() => {});
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

export async function writeFiles(dir: string, files: Record<string, string | Uint8Array>): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}
