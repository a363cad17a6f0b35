import type { ByteSource } from "../byte-source.ts";
import { Unparsed } from "./unparsed.ts";

export type WindowReader = {
  position: number;
  readonly size: number;
  u8(): Promise<number>;
  u16(): Promise<number>;
  u32(): Promise<number>;
  /** As a number. @throws Unparsed beyond 2^53 */
  u64(): Promise<number>;
  varint(): Promise<number>;
  bytes(length: number): Promise<Uint8Array>;
  skip(length: number): void;
};

const windowBytes = 256 << 10;
/** No string, key or small field of a model file is longer; what is, belongs to no format that is known here. */
const fieldBytesMax = 1 << 20;

/** Small reads forward and backward through a large file. Never holds more than a window. @throws Unparsed at the end */
export function createWindowReader(source: ByteSource): WindowReader {
  let [from, window] = [0, Buffer.alloc(0)];

  async function take(length: number): Promise<Buffer> {
    const { position } = reader;
    if (length > fieldBytesMax || position < 0 || position + length > source.size)
      throw new Unparsed(`${length} bytes at ${position} of ${source.size}`);
    if (position < from || position + length > from + window.length) {
      const size = Math.min(Math.max(length, windowBytes), source.size - position);
      window = Buffer.from(await source.read(position, size));
      from = position;
    }
    reader.position += length;
    return window.subarray(position - from, position - from + length);
  }

  const reader: WindowReader = {
    position: 0,
    size: source.size,
    u8: async () => (await take(1)).readUInt8(),
    u16: async () => (await take(2)).readUInt16LE(),
    u32: async () => (await take(4)).readUInt32LE(),
    u64: async () => safe((await take(8)).readBigUInt64LE()),
    bytes: async (length) => Uint8Array.from(await take(length)),
    skip(length) {
      if (!(length >= 0) || reader.position + length > source.size)
        throw new Unparsed(`a field of ${length} bytes`);
      reader.position += length;
    },
    async varint() {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = (await take(1)).readUInt8();
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return safe(BigInt.asUintN(64, value));
      }
      throw new Unparsed("a varint of more than ten bytes");
    },
  };
  return reader;
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Unparsed(`the number ${value}`);
  return Number(value);
}
