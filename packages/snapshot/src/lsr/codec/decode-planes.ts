import { corrupt } from "../corrupt.ts";
import { copyOut, kernels, places } from "../kernels/kernels.ts";
import { limits } from "../limits.ts";
import { planeMethod } from "./encode-planes.ts";
import { huffmanFrom } from "./huffman.ts";
import { mergePlanes, type PlaneMode, planesOf } from "./planes.ts";
import { zstdDecode } from "./zstd.ts";

/** To the start of `room` where there is one. @throws Fault snapshot-corrupt */
export function decodePlanes(encoded: Uint8Array, length: number, room?: Uint8Array): Uint8Array {
  if (encoded.length > limits.chunk + limits.recordOverhead || length > limits.chunk)
    throw corrupt(`planes of ${encoded.length} bytes for a chunk of ${length}`);
  const { bytes } = kernels();
  const mode = modeOf(encoded[0] ?? 0);
  const { count, stride } = planesOf(length, mode);
  const isThere = encoded.buffer === bytes.buffer && encoded.byteOffset === places.output;
  if (!isThere) bytes.set(encoded, places.output);
  const end = places.output + encoded.length;
  const view = new DataView(bytes.buffer);
  let at = places.output + 1;
  for (let place = 0; place < mode.width; place++) {
    if (at + 5 > end) throw corrupt("a plane without its head");
    const size = view.getUint32(at + 1, true);
    if (size > end - at - 5) throw corrupt("a plane longer than its record");
    decodePlane({ method: bytes[at] ?? 0, at: at + 5, size, plane: places.planes + place * stride, count });
    at += 5 + size;
  }
  const tail = length - count * mode.width;
  if (end - at !== tail) throw corrupt(`${end - at} bytes after the planes, expected ${tail}`);
  mergePlanes(count, stride, mode);
  bytes.copyWithin(places.input + length - tail, at, end);
  return copyOut(places.input, length, room);
}

function modeOf(byte: number): PlaneMode {
  const width = byte & 0x7f;
  if (width !== 1 && width !== 2 && width !== 4 && width !== 8)
    throw corrupt(`plane mode ${byte} is unknown`);
  return { width, isRotated: byte >= 0x80 };
}

type Plane = { method: number; at: number; size: number; plane: number; count: number };

function decodePlane({ method, at, size, plane, count }: Plane): void {
  const { bytes } = kernels();
  switch (method) {
    case planeMethod.raw:
      if (size !== count) throw corrupt(`a raw plane of ${size} bytes, expected ${count}`);
      bytes.copyWithin(plane, at, at + size);
      return;
    case planeMethod.zstd:
      bytes.set(zstdDecode(bytes.slice(at, at + size), count), plane);
      return;
    case planeMethod.huffman:
      huffmanFrom({ at, size, plane, count });
      return;
    case planeMethod.constant:
      if (size !== 1) throw corrupt("a constant plane of more than one byte");
      bytes.fill(bytes[at] ?? 0, plane, plane + count);
      return;
    default:
      throw corrupt(`plane method ${method} is unknown`);
  }
}
