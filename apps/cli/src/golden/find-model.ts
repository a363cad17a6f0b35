import { Fault, type ModelMetadata, splitModelKey, type Tensor, type TensorSpec } from "@locum/contracts";
import type { GoldenRequest } from "./read-requests.ts";

/**
 * The model that a request is for: the one it names, or the only one whose inputs have its names, datatypes and
 * shapes. A shape that fits as it is goes before one that fits with a batch in front. Where no shape fits, names alone
 * decide, since some servers describe their tensors loosely; and where a server has one model, that is it.
 * @throws Fault model-unknown | request-invalid
 */
export function findModel({ at, model, inputs }: GoldenRequest, served: readonly ModelMetadata[]): string {
  const known = served.map(({ name }) => name).join(", ") || "none";
  if (model !== undefined) {
    if (served.some(({ name }) => name === model)) return model;
    throw new Fault("model-unknown", `${at}: the model ${model} is not served; served: ${known}`);
  }
  // One version is asked only by a request that names it.
  const named = served.filter(
    ({ name, ...one }) => !isVersion(name, served) && sameNames(inputs, one.inputs),
  );
  const exact = named.filter((one) => one.inputs.every((spec) => fits(spec, inputs, 0)));
  const batched = named.filter((one) => one.inputs.every((spec) => fits(spec, inputs, 1)));
  const alone = served.length === 1 ? served : [];
  const [found, ...others] = [exact, batched, named, alone].find(({ length }) => length > 0) ?? [];
  if (found && others.length === 0) return found.name;
  const shown = inputs.map(({ name, datatype, shape }) => `${name} ${datatype}[${shape}]`).join(", ");
  const why = found
    ? `fits ${[found, ...others].map(({ name }) => name).join(" and ")}`
    : `fits none of ${served.length} models (${known})`;
  throw new Fault("request-invalid", `${at}: a request with ${shown || "no tensors"} ${why}`, {
    hint: 'Say which model: {"model":"M",...}, {"model":"M","request":{...}} or {"path":"/v2/models/M/infer",...}.',
  });
}

function isVersion(key: string, served: readonly ModelMetadata[]): boolean {
  const { model, version } = splitModelKey(key);
  return version !== undefined && served.some(({ name }) => name === model);
}

const sameNames = (inputs: readonly Tensor[], specs: readonly TensorSpec[]): boolean =>
  inputs.length === specs.length && specs.every((spec) => inputs.some(({ name }) => name === spec.name));

/** -1 stands for any size; a batch that the metadata leaves out is one more axis in front. */
function fits(spec: TensorSpec, inputs: readonly Tensor[], axesMore: 0 | 1): boolean {
  const input = inputs.find(({ name }) => name === spec.name);
  if (!input || input.datatype !== spec.datatype) return false;
  if (input.shape.length - spec.shape.length !== axesMore) return false;
  return spec.shape.every((size, axis) => size === -1 || size === input.shape[axis + axesMore]);
}
