import type { ModelMetadata, Tensor, TensorSpec } from "@locum/contracts";

/** What is structurally wrong with one input. `detail` names sizes and types, never a value that a client sent. */
export type InputFinding = {
  rule: "name" | "datatype" | "shape" | "count" | "finite";
  tensor: string;
  detail: string;
};

/** One request can be wrong in many places; a person needs the first few. */
const findingsMax = 16;
const nameMax = 64;
const floating = new Set(["FP16", "BF16", "FP32", "FP64"]);

/**
 * Compares a request's tensors with the model's own metadata: names, datatypes, shapes (-1 stands for any size), that
 * the elements are as many as the shape says, and that floats are finite. Pure, linear in the elements. A model whose
 * metadata lists no inputs is not judged: its server does not describe itself.
 */
export function checkInput(
  { inputs: specs }: Pick<ModelMetadata, "inputs">,
  inputs: readonly Tensor[],
): InputFinding[] {
  if (specs.length === 0) return [];
  const findings: InputFinding[] = [];
  for (const tensor of inputs) {
    const spec = specs.find(({ name }) => name === tensor.name);
    if (spec) findings.push(...checkTensor(tensor, spec));
    else findings.push(finding("name", tensor.name, "the model has no such input"));
    if (findings.length >= findingsMax) return findings.slice(0, findingsMax);
  }
  const missing = specs.filter(({ name }) => !inputs.some((tensor) => tensor.name === name));
  // Optional inputs are not marked in the protocol's metadata: a missing one is told only when nothing else came.
  if (missing.length === specs.length)
    for (const { name } of missing) findings.push(finding("name", name, "the input is missing"));
  return findings.slice(0, findingsMax);
}

function checkTensor(tensor: Tensor, spec: TensorSpec): InputFinding[] {
  const findings: InputFinding[] = [];
  if (tensor.datatype !== spec.datatype)
    findings.push(finding("datatype", tensor.name, `${tensor.datatype} instead of ${spec.datatype}`));
  if (!fits(tensor.shape, spec.shape))
    findings.push(finding("shape", tensor.name, `[${tensor.shape}] instead of [${spec.shape}]`));
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  if (count !== tensor.data.length)
    findings.push(finding("count", tensor.name, `${tensor.data.length} elements, the shape says ${count}`));
  if (floating.has(tensor.datatype)) {
    const at = firstNotFinite(tensor.data);
    if (at >= 0) findings.push(finding("finite", tensor.name, `element ${at} is not finite`));
  }
  return findings;
}

const fits = (shape: readonly number[], wanted: readonly number[]): boolean =>
  shape.length === wanted.length && shape.every((size, axis) => wanted[axis] === -1 || size === wanted[axis]);

function firstNotFinite(data: Tensor["data"]): number {
  for (let index = 0; index < data.length; index++) if (!Number.isFinite(data[index])) return index;
  return -1;
}

/** Names come from clients: cut, and without what a terminal would obey. */
function finding(rule: InputFinding["rule"], tensor: string, detail: string): InputFinding {
  return {
    rule,
    tensor: tensor.slice(0, nameMax).replace(/[^\x20-\x7e]/g, "?"),
    detail: detail.slice(0, 200),
  };
}
