import { type Tensor, tensorsMax } from "./tensor.ts";
import { Unparsed } from "./unparsed.ts";

/** In file order, inside the file, none over another; one place under two names (tied weights) counts once. @throws Unparsed */
export function checkTensors(tensors: readonly Tensor[], size: number): Tensor[] {
  if (tensors.length > tensorsMax) throw new Unparsed(`${tensors.length} tensors`);
  const sorted = tensors.filter(({ length }) => length !== 0).sort((a, b) => a.start - b.start);
  const places: Tensor[] = [];
  let end = 0;
  for (const tensor of sorted) {
    const { name, start, length } = tensor;
    const last = places.at(-1);
    if (last?.start === start && last.length === length) continue;
    const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(length) && length > 0;
    if (!isRange || start < end || start + length > size)
      throw new Unparsed(`tensor ${name} lies outside the file or over another`);
    end = start + length;
    places.push(tensor);
  }
  return places;
}
