import type { ByteSource } from "../byte-source.ts";
import { limits } from "../limits.ts";
import { cutTensors } from "./cut-tensors.ts";
import { gearCut } from "./gear.ts";
import type { Tensor } from "./tensor.ts";

/** Bytes of a file, in order and without holes. They are valid until the next is asked for. */
export type Chunk = { start: number; bytes: Uint8Array; tensor?: Tensor };

const bufferBytes = 4 * limits.chunk;

/** A file's chunks: by its tensors where there are any, else by content. Holds at most 4 MiB of it. */
export async function* chunkFile(
  source: ByteSource,
  { tensors, table }: { tensors: readonly Tensor[]; table: Uint32Array },
): AsyncGenerator<Chunk> {
  if (tensors.length === 0 || source.size < limits.smallTensor) yield* chunkByContent(source, table);
  else
    for (const { start, length, tensor } of cutTensors(source.size, tensors)) {
      const bytes = await source.read(start, length);
      yield tensor ? { start, bytes, tensor } : { start, bytes };
    }
}

async function* chunkByContent(source: ByteSource, table: Uint32Array): AsyncGenerator<Chunk> {
  let [start, buffer]: [number, Uint8Array] = [0, new Uint8Array()];
  while (start < source.size) {
    if (buffer.length < limits.chunk && start + buffer.length < source.size)
      buffer = await source.read(start, Math.min(bufferBytes, source.size - start));
    const length = gearCut(buffer, table);
    yield { start, bytes: buffer.subarray(0, length) };
    buffer = buffer.subarray(length);
    start += length;
  }
}
