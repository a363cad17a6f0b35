import type { ModelMetadata, Tensor, TensorSpec } from "@locum/contracts";
import { checkValues } from "./check-values.ts";
import { isShapeOf } from "./is-shape-of.ts";

/**
 * A rule that a request breaks. `detail` tells types, shapes and places, never a value of the input, and `tensor`
 * is a name of the model's own, never one that a client made up.
 */
export type InputFinding = {
  rule: "name" | "datatype" | "shape" | "count" | "finite" | "size" | "undecodable";
  tensor: string | null;
  detail: string;
};

export type CheckedInput = {
  inputs: readonly Tensor[];
  /** Of the body as it came, where that is known. */
  bytes?: number;
};

/** More than any real request has: beyond them a request is not looked at further. */
const tensorsMax = 256;
/** One request can be wrong in many places; a person needs the first few. */
const findingsMax = 16;
const nameLengthMax = 64;

/**
 * Checks a request against what the model itself says of its inputs: names, datatypes, shapes (-1 and a leading batch
 * dimension are free), element counts, finite numbers, size. Pure, in one pass over the values, at most 16 findings.
 * A model whose metadata lists no inputs is not judged.
 */
export function checkInput(
  { inputs, bytes = 0 }: CheckedInput,
  metadata: Pick<ModelMetadata, "inputs">,
  { bytesMax = 8_388_608 }: { bytesMax?: number } = {},
): InputFinding[] {
  if (metadata.inputs.length === 0) return [];
  if (bytes > bytesMax)
    return [{ rule: "size", tensor: null, detail: `expected at most ${bytesMax} bytes, found ${bytes}` }];
  if (inputs.length > tensorsMax)
    return [
      {
        rule: "name",
        tensor: null,
        detail: `expected at most ${tensorsMax} tensors, found ${inputs.length}`,
      },
    ];
  const specs = new Map(metadata.inputs.map((spec) => [spec.name, spec]));
  const findings = [...checkNames(inputs, specs)];
  for (const tensor of inputs) {
    if (findings.length >= findingsMax) break;
    const spec = specs.get(tensor.name);
    if (spec) findings.push(...checkTensor(tensor, spec));
  }
  return findings.slice(0, findingsMax);
}

function* checkNames(
  inputs: readonly Tensor[],
  specs: ReadonlyMap<string, TensorSpec>,
): Generator<InputFinding> {
  const seen = new Set<string>();
  for (const { name } of inputs) {
    // The client chose this name: only those that the model knows are shown.
    if (!specs.has(name))
      yield { rule: "name", tensor: null, detail: "an input that the model does not have" };
    else if (seen.has(name)) yield { rule: "name", tensor: shown(name), detail: "given more than once" };
    seen.add(name);
  }
  // The protocol's metadata does not mark optional inputs: missing ones are told only where none came at all.
  const missing = [...specs.keys()].filter((name) => !seen.has(name));
  if (missing.length === specs.size)
    for (const name of missing) yield { rule: "name", tensor: shown(name), detail: "the input is missing" };
}

function* checkTensor(tensor: Tensor, spec: TensorSpec): Generator<InputFinding> {
  const name = shown(tensor.name);
  if (tensor.datatype !== spec.datatype)
    yield { rule: "datatype", tensor: name, detail: `expected ${spec.datatype}, found ${tensor.datatype}` };
  if (!isShapeOf(tensor.shape, spec.shape))
    yield {
      rule: "shape",
      tensor: name,
      detail: `expected ${shapeText(spec.shape)}, found ${shapeText(tensor.shape)}`,
    };
  const expected = tensor.shape.reduce((product, size) => product * size, 1);
  if (expected !== tensor.data.length)
    yield {
      rule: "count",
      tensor: name,
      detail: `expected ${expected} elements for ${shapeText(tensor.shape)}, found ${tensor.data.length}`,
    };
  const broken = checkValues(tensor);
  if (broken) yield { ...broken, tensor: name };
}

const dimensionsShown = 16;

const shapeText = (shape: readonly number[]): string =>
  `[${shape.slice(0, dimensionsShown).join(", ")}${shape.length > dimensionsShown ? ", ..." : ""}]`;

/** Shown only as far as a log line can bear it. */
const shown = (name: string): string => name.slice(0, nameLengthMax).toWellFormed();
