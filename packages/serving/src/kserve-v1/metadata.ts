import { Datatype, Fault, type ModelMetadata, type TensorSpec } from "@locum/contracts";
import { deadline } from "../deadline.ts";
import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions } from "../model-server.ts";
import { v1Status } from "./status.ts";

const bytesMax = 4 * 1024 * 1024;

/**
 * TensorFlow Serving describes the tensors of each signature; the signature that a request without a name gets is the
 * one told. KServe's v1 describes nothing: such a model has a name and no tensors.
 */
export async function readV1Metadata(ask: Ask, model: string, options: CallOptions): Promise<ModelMetadata> {
  const remaining = deadline(options);
  const status = await v1Status(ask, model, remaining());
  const versions = status.kind === "versions" ? status.versions.map(({ version }) => version) : [];
  const plain = { name: model, versions, platform: "", inputs: [], outputs: [] };
  if (status.kind === "ready") return plain;
  const path = `/v1/models/${encodeURIComponent(model)}/metadata`;
  const said = await askJson(ask, { ...remaining(), path, answerBytesMax: bytesMax }).catch(
    (fault: unknown) => {
      if (fault instanceof Fault && fault.code === "upstream-refused") return undefined;
      throw fault;
    },
  );
  const signature = signatureOf(said);
  return signature
    ? {
        ...plain,
        platform: "tensorflow",
        inputs: specs(signature.inputs),
        outputs: specs(signature.outputs),
      }
    : plain;
}

/** `metadata.signature_def.signature_def.NAME`: the outer one is the kind of metadata, the inner one the map. */
function signatureOf(said: unknown): Record<string, unknown> | undefined {
  const metadata = isObject(said) ? said.metadata : undefined;
  const outer = isObject(metadata) ? metadata.signature_def : undefined;
  const inner = isObject(outer) ? outer.signature_def : undefined;
  const found = isObject(inner) ? inner.serving_default : undefined;
  return isObject(found) ? found : undefined;
}

/** As for v2: one tensor that cannot be read makes the list unknown, since a gap would make requests look wrong. */
function specs(said: unknown): TensorSpec[] {
  if (!isObject(said)) return [];
  const read = Object.entries(said).map(([name, spec]) => specOf(name, spec));
  return read.every((spec) => spec !== undefined) ? read.sort((a, b) => (a.name < b.name ? -1 : 1)) : [];
}

function specOf(name: string, said: unknown): TensorSpec | undefined {
  if (!isObject(said) || !isObject(said.tensor_shape) || said.tensor_shape.unknown_rank === true)
    return undefined;
  const datatype = Datatype.safeParse(datatypes[String(said.dtype)]);
  const dims = said.tensor_shape.dim;
  const shape = (Array.isArray(dims) ? dims : []).map((dim) =>
    isObject(dim) ? Number(dim.size) : Number.NaN,
  );
  if (!datatype.success || !shape.every((size) => Number.isSafeInteger(size) && size >= -1)) return undefined;
  return { name, datatype: datatype.data, shape };
}

const datatypes: Record<string, Datatype> = {
  DT_BOOL: "BOOL",
  DT_UINT8: "UINT8",
  DT_UINT16: "UINT16",
  DT_UINT32: "UINT32",
  DT_UINT64: "UINT64",
  DT_INT8: "INT8",
  DT_INT16: "INT16",
  DT_INT32: "INT32",
  DT_INT64: "INT64",
  DT_HALF: "FP16",
  DT_BFLOAT16: "BF16",
  DT_FLOAT: "FP32",
  DT_DOUBLE: "FP64",
  DT_STRING: "BYTES",
};
