import { corrupt } from "../corrupt.ts";
import { planeMethod } from "./encode-planes.ts";
import { huffmanDecode } from "./huffman.ts";
import { mergePlanes, type PlaneMode } from "./planes.ts";
import { zstdDecode } from "./zstd.ts";

/** @throws Fault snapshot-corrupt */
export function decodePlanes(bytes: Uint8Array, length: number): Uint8Array {
  const mode = modeOf(bytes[0] ?? 0);
  const count = Math.floor(length / mode.width);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const planes: Uint8Array[] = [];
  let at = 1;
  for (let place = 0; place < mode.width; place++) {
    if (at + 5 > bytes.length) throw corrupt("a plane without its head");
    const size = view.getUint32(at + 1, true);
    if (size > bytes.length - at - 5) throw corrupt("a plane longer than its record");
    planes.push(decodePlane(bytes[at] ?? 0, bytes.subarray(at + 5, at + 5 + size), count));
    at += 5 + size;
  }
  const tail = length - count * mode.width;
  if (bytes.length - at !== tail)
    throw corrupt(`${bytes.length - at} bytes after the planes, expected ${tail}`);
  const plain = new Uint8Array(length);
  mergePlanes(planes, plain, mode);
  plain.set(bytes.subarray(at), length - tail);
  return plain;
}

function modeOf(byte: number): PlaneMode {
  const width = byte & 0x7f;
  if (width !== 1 && width !== 2 && width !== 4 && width !== 8)
    throw corrupt(`plane mode ${byte} is unknown`);
  return { width, isRotated: byte >= 0x80 };
}

function decodePlane(method: number, bytes: Uint8Array, count: number): Uint8Array {
  switch (method) {
    case planeMethod.raw:
      if (bytes.length !== count) throw corrupt(`a raw plane of ${bytes.length} bytes, expected ${count}`);
      return bytes;
    case planeMethod.zstd:
      return zstdDecode(bytes, count);
    case planeMethod.huffman:
      return huffmanDecode(bytes, count);
    case planeMethod.constant:
      if (bytes.length !== 1) throw corrupt("a constant plane of more than one byte");
      return new Uint8Array(count).fill(bytes[0] ?? 0);
    default:
      throw corrupt(`plane method ${method} is unknown`);
  }
}
