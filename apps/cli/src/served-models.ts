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
const atOnceMax = 16;

/**
 * What a server serves, with tensors. Where it keeps no list, `named` models and the names in its model folder are
 * tried: one that describes itself is there. `listed` is the server's list where it is known already.
 * @throws Fault model-unknown for a named one that is not there, and what the port throws
 */
export async function servedModels(
  server: ModelServer,
  {
    named = [],
    modelDir,
    listed: given,
    timeoutMs = 10_000,
  }: {
    named?: readonly string[];
    modelDir?: string | undefined;
    listed?: readonly string[] | undefined;
    timeoutMs?: number;
  } = {},
): Promise<ServedModels> {
  const listed = given ?? (await listedNames(server, timeoutMs));
  const guessed = listed ?? (modelDir === undefined ? [] : await namesIn(modelDir));
  const names = [...new Set([...named, ...guessed])].slice(0, modelsMax);
  const described = await inTurns(names, (name) =>
    server.metadata(name, { timeoutMs }).catch((error: unknown) => {
      if (!(error instanceof Fault) || named.includes(name)) throw error;
      return undefined;
    }),
  );
  return {
    models: described.filter((model) => model !== undefined),
    silent: listed ? names.filter((_, index) => described[index] === undefined) : [],
  };
}

async function listedNames(server: ModelServer, timeoutMs: number): Promise<string[] | undefined> {
  try {
    return (await server.models({ timeoutMs })).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Fault && error.code === "upstream-refused") return undefined;
    throw error;
  }
}

/** Some at once, so that many models of a slow server do not add up. */
async function inTurns<From, To>(items: readonly From[], act: (item: From) => Promise<To>): Promise<To[]> {
  const results: To[] = [];
  const queue = [...items.entries()];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await act(next[1]);
  };
  await Promise.all(Array.from({ length: atOnceMax }, work));
  return results;
}

/** A repository holds a folder a model; a model's own folder has its name. */
async function namesIn(modelDir: string): Promise<string[]> {
  const entries = await readdir(modelDir, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  return [basename(modelDir), ...folders.map(({ name }) => name)];
}
