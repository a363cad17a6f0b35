import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type ModelProcess, startModelProcess } from "./model-process.ts";
import { digits, liveFile } from "./strikes.ts";

/** A model server with one release of the digits model in a repository of its own. */
export async function startDigits({
  id,
  dir,
  source = digits.current,
  maxConcurrency = 64,
}: {
  id: string;
  dir: string;
  source?: string;
  maxConcurrency?: number;
}): Promise<ModelProcess> {
  const repository = join(dir, id, "models");
  await mkdir(join(repository, "digits"), { recursive: true });
  await copyFile(source, liveFile({ repository }));
  return startModelProcess({ id, dir, repository, maxConcurrency });
}
