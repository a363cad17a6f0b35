import { Datatype, Fault, type ModelMetadata, splitModelKey, type TensorSpec } from "@locum/contracts";
import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions } from "../model-server.ts";
import { modelPath } from "./model-path.ts";

const metadataBytesMax = 4 * 1024 * 1024;

export async function readMetadata(ask: Ask, model: string, options: CallOptions): Promise<ModelMetadata> {
  const path = modelPath(model);
  const said = await askJson(ask, { ...options, path, answerBytesMax: metadataBytesMax }).catch(
    (fault: unknown) => {
      throw isNotFound(fault)
        ? new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`)
        : fault;
    },
  );
  // Two versions of one model are described under the names that they are asked by.
  return splitModelKey(model).version === undefined ? metadataOf(said) : { ...metadataOf(said), name: model };
}

/** A model's metadata, as REST and gRPC name its fields alike. Throws `upstream-protocol`. */
export function metadataOf(said: unknown): ModelMetadata {
  if (!isObject(said) || typeof said.name !== "string") {
    throw new Fault("upstream-protocol", "no metadata of a model");
  }
  return {
    name: said.name,
    versions: Array.isArray(said.versions) ? said.versions.map(String) : [],
    platform: typeof said.platform === "string" ? said.platform : "",
    inputs: specs(said.inputs),
    outputs: specs(said.outputs),
  };
}

/**
 * Tensors as far as they are described. One that cannot be read makes the whole list unknown (empty): a list with a
 * gap would make requests that name the missing tensor look wrong.
 */
function specs(said: unknown): TensorSpec[] {
  if (!Array.isArray(said)) return [];
  const read: TensorSpec[] = [];
  for (const entry of said) {
    if (!isObject(entry) || typeof entry.name !== "string") return [];
    const datatype = datatypeOf(entry.datatype);
    const shape = Array.isArray(entry.shape) ? entry.shape.map(Number) : [];
    if (!datatype || !shape.every((size) => Number.isSafeInteger(size) && size >= -1)) return [];
    read.push({ name: entry.name, datatype, shape });
  }
  return read;
}

/** Python servers also write numpy's names, configurations Triton's. */
function datatypeOf(said: unknown): Datatype | undefined {
  const name = String(said)
    .toUpperCase()
    .replace(/^TYPE_/, "");
  const found = Datatype.safeParse(aliases[name] ?? name);
  return found.success ? found.data : undefined;
}

const aliases: Record<string, string> = {
  FLOAT16: "FP16",
  BFLOAT16: "BF16",
  FLOAT: "FP32",
  FLOAT32: "FP32",
  DOUBLE: "FP64",
  FLOAT64: "FP64",
  STRING: "BYTES",
  STR: "BYTES",
};

function isNotFound(fault: unknown): boolean {
  return fault instanceof Fault && (fault.cause as { status?: number } | undefined)?.status === 404;
}
