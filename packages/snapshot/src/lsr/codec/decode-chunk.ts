import { corrupt } from "../corrupt.ts";
import { codecId } from "./codec-id.ts";
import { fillPattern } from "./constant-run.ts";
import { decodePlanes } from "./decode-planes.ts";
import { xor } from "./xor.ts";
import { zstdDecode } from "./zstd.ts";

export type Encoding = {
  codec: number;
  bytes: Uint8Array;
  length: number;
  base?: Uint8Array;
  /** At least as long as the chunk, which is put at its start; else it gets memory of its own, or is a view of `bytes`. */
  room?: Uint8Array;
};

/** @throws Fault snapshot-corrupt: unknown codec, wrong length, a delta without its base, or a delta in a delta */
export function decodeChunk({ codec, bytes, length, base, room }: Encoding): Uint8Array {
  if (codec !== codecId.delta) return decodeAlone(codec, bytes, length, room);
  const inner = bytes[0];
  if (inner === undefined || inner === codecId.delta) throw corrupt("a delta inside a delta");
  if (base?.length !== length) throw corrupt("a delta whose base is missing or of another length");
  return xor(decodeAlone(inner, bytes.subarray(1), length, room), base, room);
}

function decodeAlone(codec: number, bytes: Uint8Array, length: number, room?: Uint8Array): Uint8Array {
  switch (codec) {
    case codecId.raw:
      if (bytes.length !== length) throw corrupt(`a raw chunk of ${bytes.length} bytes, expected ${length}`);
      return putInto(room, bytes);
    case codecId.zstd:
      return zstdDecode(bytes, length, room);
    case codecId.planes:
      return decodePlanes(bytes, length, room);
    case codecId.constant:
      if (bytes.length < 1 || bytes.length > 8) throw corrupt(`a pattern of ${bytes.length} bytes`);
      return putInto(room, fillPattern(bytes, length));
    default:
      throw corrupt(`codec ${codec} is unknown`);
  }
}

function putInto(room: Uint8Array | undefined, bytes: Uint8Array): Uint8Array {
  if (!room) return bytes;
  room.set(bytes);
  return room.subarray(0, bytes.length);
}
