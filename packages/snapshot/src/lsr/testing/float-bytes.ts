import { seededRandom } from "../../testing/random.ts";

export type FloatDtype = "bf16" | "f16" | "f32" | "f64";

/** Weights as a layer has them: normal, with the small scale of a wide matrix. */
export function floatBytes({
  dtype,
  count,
  seed,
}: {
  dtype: FloatDtype;
  count: number;
  seed: number;
}): Uint8Array {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()) * 0.02;
  if (dtype === "f64") return bytesOf(Float64Array.from({ length: count }, normal));
  if (dtype === "f16") return bytesOf(Float16Array.from({ length: count }, normal));
  const floats = Float32Array.from({ length: count }, normal);
  if (dtype === "f32") return bytesOf(floats);
  return bytesOf(Uint16Array.from(new Uint32Array(floats.buffer), (word) => word >>> 16));
}

const bytesOf = (array: { buffer: ArrayBuffer }): Uint8Array => new Uint8Array(array.buffer);
