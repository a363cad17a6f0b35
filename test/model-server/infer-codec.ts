import { Refusal } from "./refusal.ts";
import { fromBinary, fromJson, type NamedTensor, toBinary, toJson } from "./tensor-codec.ts";

type RawTensor = {
  name?: unknown;
  datatype?: unknown;
  shape?: unknown;
  data?: unknown;
  parameters?: { binary_data_size?: unknown; binary_data?: unknown };
};
export type InferRequest = {
  id?: string;
  inputs: NamedTensor[];
  /** Names of the wanted outputs with how each is carried; empty: all of them. */
  outputs: { name: string; binary: boolean }[];
  binaryByDefault: boolean;
};

/** A request body, JSON alone or JSON of `headLength` bytes and raw tensors behind it. */
export function parseInfer(body: Buffer, headLength: string | undefined): InferRequest {
  const length = headLength === undefined ? body.length : Number(headLength);
  if (!Number.isInteger(length) || length < 0 || length > body.length) {
    throw new Refusal(400, "Unable to parse Inference-Header-Content-Length");
  }
  const document = parsed(body.subarray(0, length));
  if (!Array.isArray(document?.inputs))
    throw new Refusal(400, "Unable to parse 'inputs': attempt to access non-existing object member");
  const binaryByDefault = document.parameters?.binary_data_output === true;
  let at = length;
  const inputs = (document.inputs as RawTensor[]).map((raw) => {
    const { name, datatype, shape } = described(raw);
    const size = raw.parameters?.binary_data_size;
    if (size === undefined) return fromJson(name, datatype, shape, raw.data);
    if (!Number.isInteger(size) || at + Number(size) > body.length)
      throw new Refusal(400, `unexpected size for input '${name}'`);
    const bytes = body.subarray(at, at + Number(size));
    at += Number(size);
    return fromBinary(name, datatype, shape, bytes);
  });
  if (at !== body.length)
    throw new Refusal(400, `unexpected additional input data of ${body.length - at} bytes`);
  const outputs = (Array.isArray(document.outputs) ? (document.outputs as RawTensor[]) : []).map((raw) => ({
    name: String(raw?.name),
    binary: typeof raw?.parameters?.binary_data === "boolean" ? raw.parameters.binary_data : binaryByDefault,
  }));
  return {
    ...(typeof document.id === "string" ? { id: document.id } : {}),
    inputs,
    outputs,
    binaryByDefault,
  };
}

/** An answer. `headLength` is set where raw tensors follow the JSON. */
export function writeInfer(
  { model, version, id }: { model: string; version: string; id: string | undefined },
  tensors: { tensor: NamedTensor; binary: boolean }[],
): { body: Buffer; headLength?: number } {
  const outputs = tensors.map(({ tensor, binary }) => {
    const { name, datatype, shape } = tensor;
    const head = JSON.stringify({ name, datatype, shape }).slice(0, -1);
    return binary
      ? `${head},"parameters":{"binary_data_size":${toBinary(tensor).length}}}`
      : `${head},"data":${toJson(tensor)}}`;
  });
  const named = JSON.stringify({
    ...(id === undefined ? {} : { id }),
    model_name: model,
    model_version: version,
  });
  const json = Buffer.from(`${named.slice(0, -1)},"outputs":[${outputs.join(",")}]}`);
  const tails = tensors.filter(({ binary }) => binary).map(({ tensor }) => toBinary(tensor));
  return tails.length === 0
    ? { body: json }
    : { body: Buffer.concat([json, ...tails]), headLength: json.length };
}

function parsed(json: Buffer): Record<string, unknown> & { parameters?: { binary_data_output?: unknown } } {
  try {
    return JSON.parse(json.toString("utf8"));
  } catch (error) {
    throw new Refusal(
      400,
      `failed to parse the request JSON buffer: ${(error as Error).message.slice(0, 100)}`,
    );
  }
}

function described(raw: RawTensor): { name: string; datatype: string; shape: number[] } {
  const { name, datatype, shape } = raw ?? {};
  if (typeof name !== "string") throw new Refusal(400, "Unable to parse 'name' of an input");
  if (typeof datatype !== "string") throw new Refusal(400, `Unable to parse 'datatype' of input '${name}'`);
  if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new Refusal(400, `Unable to parse 'shape' of input '${name}'`);
  }
  return { name, datatype, shape };
}
