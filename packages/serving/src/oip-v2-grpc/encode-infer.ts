import { Fault, splitModelKey, type Tensor } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";
import { hasHalfInputs } from "../oip-v2/encode-infer.ts";
import { encodeElements } from "../tensor/binary-tensor.ts";
import { jsonElements, show, tensorHead } from "../tensor/json-tensor.ts";

const code = "request-invalid";

/**
 * A ModelInferRequest from the protocol's own JSON, the body of the same inference over REST, whose own id stays where
 * none is given. Half precision has no
 * typed contents: then all tensors go as raw bytes, since the protocol wants one or the other for all of them.
 */
export function grpcInferRequest(
  request: unknown,
  { model, id }: { model: string; id: string | undefined },
): object {
  if (!isObject(request) || !Array.isArray(request.inputs)) {
    throw new Fault(code, 'expected a v2 inference request: {"inputs":[...]}', {
      hint: "Give the request as the server's own JSON body.",
    });
  }
  const { model: name, version = "" } = splitModelKey(model);
  const isRaw = hasHalfInputs(request);
  const raw: Uint8Array[] = [];
  const inputs = request.inputs.map((input) => {
    const { raw: given, ...head } = tensorHead(input, code);
    const { data, ...named } = { ...head, data: given.data };
    const parameters = grpcParameters(given.parameters);
    if (data === undefined) return { ...named, parameters };
    const tensor = { ...head, data: jsonElements(head, data, code) };
    if (!isRaw) return { ...named, parameters, contents: contentsOf(tensor) };
    raw.push(encodeElements(wholeNumbers(tensor)));
    return { ...named, parameters };
  });
  const wanted = Array.isArray(request.outputs) ? request.outputs.filter(isObject) : [];
  return {
    model_name: name,
    model_version: version,
    id: id ?? (typeof request.id === "string" ? request.id : ""),
    parameters: grpcParameters(request.parameters),
    inputs,
    outputs: wanted.map(({ name, parameters }) => ({
      name: String(name),
      parameters: grpcParameters(parameters),
    })),
    raw_input_contents: raw,
  };
}

/** Asks for a form of the answer that only REST has. */
const restOnly = new Set(["binary_data", "binary_data_size", "binary_data_output"]);

/** Objects and lists have no place in a gRPC parameter; servers that take them do so over REST only. */
function grpcParameters(given: unknown): Record<string, object> {
  const parameters: Record<string, object> = {};
  for (const [name, value] of isObject(given) ? Object.entries(given) : []) {
    if (restOnly.has(name)) continue;
    if (typeof value === "boolean") parameters[name] = { bool_param: value };
    else if (typeof value === "string") parameters[name] = { string_param: value };
    else if (Number.isSafeInteger(value)) parameters[name] = { int64_param: value };
    else if (typeof value === "number") parameters[name] = { double_param: value };
  }
  return parameters;
}

const fieldOf: Record<Tensor["datatype"], string> = {
  BOOL: "bool_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  FP16: "fp32_contents",
  BF16: "fp32_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
};

function contentsOf(tensor: Tensor): object {
  const { datatype, data } = wholeNumbers(tensor);
  const values =
    datatype === "BYTES" ? Array.from(data, (text) => Buffer.from(String(text))) : Array.from(data);
  return { [fieldOf[datatype]]: values };
}

/** What an integer tensor cannot hold would be cut off on the way; over REST the server refuses it. */
function wholeNumbers(tensor: Tensor): Tensor {
  const [, unsigned, bits] = /^(U?)INT(\d+)$/.exec(tensor.datatype) ?? [];
  if (bits === undefined) return tensor;
  const above = 2 ** (Number(bits) - (unsigned ? 0 : 1));
  const fits = (value: unknown) =>
    Number.isInteger(value) && Number(value) < above && Number(value) >= (unsigned ? 0 : -above);
  const wrong = Array.from(tensor.data).find((value) => !fits(value));
  if (wrong !== undefined) {
    throw new Fault(code, `tensor ${show(tensor.name)}: ${show(wrong)} is no ${tensor.datatype}`);
  }
  return tensor;
}
