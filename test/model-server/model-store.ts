import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { Refusal } from "./refusal.ts";
import { datatypeOf, type NamedTensor, ortTypeOf } from "./tensor-codec.ts";

export type TensorDescription = { name: string; datatype: string; shape: number[] };
export type LoadedModel = {
  name: string;
  version: string;
  inputs: TensorDescription[];
  outputs: TensorDescription[];
  run(inputs: NamedTensor[]): Promise<NamedTensor[]>;
};
export type ModelStore = {
  /** Reads the files again. Where that fails the model from before goes on, and the reason is thrown. */
  load(name: string): Promise<void>;
  unload(name: string): void;
  /** The newest one without a version. */
  get(name: string, version?: string): LoadedModel | undefined;
  /** Newest first. */
  versions(name: string): string[];
  index(): Promise<{ name: string; version?: string; state: string; reason?: string }[]>;
  allReady(): boolean;
};

/** Models of a folder: `DIR/<model>/model.onnx`, or every `DIR/<model>/<version>/model.onnx` with a number as version. */
export async function openModelStore(repository: string): Promise<ModelStore> {
  const loaded = new Map<string, LoadedModel[]>();
  const reasons = new Map<string, string>();

  async function load(name: string): Promise<void> {
    const found = await filesOf(repository, name);
    if (found.length === 0)
      throw new Refusal(400, `failed to load '${name}', failed to poll from model repository`);
    try {
      const versions: LoadedModel[] = [];
      for (const { file, version } of found)
        versions.push(await fromBytes({ name, version }, await readFile(file)));
      loaded.set(name, versions);
      reasons.delete(name);
    } catch (error) {
      const reason = (error as Error).message.replaceAll(/\s+/g, " ").slice(0, 200);
      reasons.set(name, reason);
      throw new Refusal(400, `load failed for model '${name}': ${reason}`);
    }
  }

  for (const name of await foldersOf(repository)) {
    // A model that does not load leaves the server up and not ready, as Triton does.
    await load(name).catch(() => undefined);
  }
  return {
    load,
    unload(name) {
      if (!loaded.delete(name)) throw new Refusal(400, `failed to unload '${name}', it is not loaded`);
      reasons.set(name, "unloaded");
    },
    get(name, version) {
      return loaded.get(name)?.find((model) => version === undefined || model.version === version);
    },
    versions: (name) => loaded.get(name)?.map(({ version }) => version) ?? [],
    async index() {
      const names = new Set([...loaded.keys(), ...(await foldersOf(repository))]);
      return [...names].sort().flatMap((name) => {
        const reason = reasons.get(name);
        const why = reason === undefined ? {} : { reason };
        const versions = loaded.get(name);
        if (!versions) return [{ name, state: "UNAVAILABLE", ...why }];
        return versions.map(({ version }) => ({ name, version, state: "READY", ...why }));
      });
    },
    allReady: () => [...reasons].every(([name, reason]) => loaded.has(name) || reason === "unloaded"),
  };
}

async function fromBytes(
  { name, version }: { name: string; version: string },
  bytes: Buffer,
): Promise<LoadedModel> {
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const inputs = session.inputMetadata.map(described);
  const outputs = session.outputMetadata.map(described);
  return {
    name,
    version,
    inputs,
    outputs,
    async run(given) {
      const feeds: Record<string, Tensor> = {};
      for (const tensor of given)
        feeds[tensor.name] = new Tensor(ortTypeOf(tensor.datatype), tensor.data, tensor.shape);
      const answer = await session.run(feeds);
      return outputs.map(({ name: output, datatype }) => {
        const tensor = answer[output];
        if (!tensor) throw new Refusal(500, `no output '${output}'`);
        return { name: output, datatype, shape: [...tensor.dims], data: tensor.data as NamedTensor["data"] };
      });
    },
  };
}

function described(value: InferenceSession.ValueMetadata): TensorDescription {
  if (!value.isTensor) throw new Error(`'${value.name}' is no tensor`);
  return {
    name: value.name,
    datatype: datatypeOf(value.type),
    shape: value.shape.map((size) => (typeof size === "number" ? size : -1)),
  };
}

async function filesOf(repository: string, name: string): Promise<{ file: string; version: string }[]> {
  if (!/^[\w.-]{1,200}$/.test(name) || name.startsWith(".")) return [];
  const folder = join(repository, name);
  const entries = await readdir(folder).catch((): string[] => []);
  if (entries.includes("model.onnx")) return [{ file: join(folder, "model.onnx"), version: "1" }];
  return entries
    .filter((entry) => /^[1-9]\d{0,8}$/.test(entry))
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => ({ file: join(folder, version, "model.onnx"), version }));
}

async function foldersOf(repository: string): Promise<string[]> {
  const entries = await readdir(repository, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name);
}
