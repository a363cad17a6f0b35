import { Fault, type Tensor } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";
import { encodeElements } from "../tensor/binary-tensor.ts";
import { jsonElements, tensorHead } from "../tensor/json-tensor.ts";

/**
 * Body and headers of an inference from the protocol's own JSON. Tensors of half precision go as binary where the
 * server takes binary, since Triton refuses them in JSON; all others stay as they are written.
 */
export function encodeInfer(
  request: unknown,
  { id, takesBinary }: { id: string | undefined; takesBinary: boolean },
): { headers: Record<string, string>; body: Buffer } {
  if (!isObject(request) || !Array.isArray(request.inputs)) {
    throw new Fault("request-invalid", 'expected a v2 inference request: {"inputs":[...]}', {
      hint: "Give the request as the server's own JSON body.",
    });
  }
  const tails: Buffer[] = [];
  const inputs = request.inputs.map((input) => {
    if (!takesBinary || !isObject(input) || !isHalf(input.datatype) || input.data === undefined) return input;
    const { raw, ...head } = tensorHead(input, "request-invalid");
    const { data, ...rest } = raw;
    const bytes = encodeElements({
      ...head,
      data: jsonElements(head, data, "request-invalid"),
    } satisfies Tensor);
    tails.push(bytes);
    const parameters = isObject(rest.parameters) ? rest.parameters : {};
    return { ...rest, parameters: { ...parameters, binary_data_size: bytes.length } };
  });
  const json = Buffer.from(JSON.stringify({ ...request, ...(id === undefined ? {} : { id }), inputs }));
  if (tails.length === 0) return { headers: { "content-type": "application/json" }, body: json };
  return {
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(json.length),
    },
    body: Buffer.concat([json, ...tails]),
  };
}

export function hasHalfInputs(request: unknown): boolean {
  const inputs = isObject(request) && Array.isArray(request.inputs) ? request.inputs : [];
  return inputs.some((input) => isObject(input) && isHalf(input.datatype));
}

function isHalf(datatype: unknown): boolean {
  return datatype === "FP16" || datatype === "BF16";
}
