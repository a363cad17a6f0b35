import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { Fault, type ModelMetadata } from "@locum/contracts";
import type { ModelServer } from "@locum/serving";

export type ServedModels = {
  models: ModelMetadata[];
  /** Models of the server's list that do not describe themselves now. */
  silent: string[];
};

const modelsMax = 256;

/**
 * What a server serves, with tensors. Where it keeps no list, `named` models and the names in its model folder are
 * tried: one that describes itself is there.
 * @throws Fault model-unknown for a named one that is not there, and what the port throws
 */
export async function servedModels(
  server: ModelServer,
  {
    named = [],
    modelDir,
    timeoutMs = 10_000,
  }: { named?: readonly string[]; modelDir?: string | undefined; timeoutMs?: number } = {},
): Promise<ServedModels> {
  const listed = await server.models({ timeoutMs }).then(
    (models) => models.map(({ name }) => name),
    (error: unknown) => {
      if (error instanceof Fault && error.code === "upstream-refused") return undefined;
      throw error;
    },
  );
  const guessed = listed ?? (modelDir === undefined ? [] : await namesIn(modelDir));
  const names = [...new Set([...named, ...guessed])].slice(0, modelsMax);
  const models: ModelMetadata[] = [];
  const silent: string[] = [];
  for (const name of names) {
    try {
      models.push(await server.metadata(name, { timeoutMs }));
    } catch (error) {
      if (!(error instanceof Fault) || named.includes(name)) throw error;
      if (listed) silent.push(name);
    }
  }
  return { models, silent };
}

/** A repository holds a folder a model; a model's own folder has its name. */
async function namesIn(modelDir: string): Promise<string[]> {
  const entries = await readdir(modelDir, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  return [basename(modelDir), ...folders.map(({ name }) => name)];
}
