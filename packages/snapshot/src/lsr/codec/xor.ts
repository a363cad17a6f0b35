import { assert } from "@locum/contracts/fault";
import { copyOut, kernels, places } from "../kernels/kernels.ts";
import { limits } from "../limits.ts";

/** `left` XOR `right`, two chunks of one length; to the start of `room` where there is one, which may be either. */
export function xor(left: Uint8Array, right: Uint8Array, room?: Uint8Array): Uint8Array {
  assert(left.length === right.length && left.length <= limits.chunk, "two chunks of one length");
  const { bytes, xor: xorInto } = kernels();
  bytes.set(left, places.input);
  bytes.set(right, places.planes);
  xorInto(places.input, places.planes, places.output, left.length);
  return copyOut(places.output, left.length, room);
}
