import { kernelsWasm } from "./kernels-wasm.ts";

/** The exports of kernels/kernels.as; every address is a place in `memory`. */
type Exports = {
  split2(src: number, count: number, high: number, low: number, rotated: boolean): void;
  merge2(high: number, low: number, count: number, dst: number, rotated: boolean): void;
  split4(src: number, count: number, planes: number, stride: number, rotated: boolean): void;
  merge4(planes: number, stride: number, count: number, dst: number, rotated: boolean): void;
  count256(src: number, length: number, step: number, counts: number): void;
  range256(src: number, length: number, scratch: number): number;
  pairCodes(codes: number, pairs: number): void;
  encodeStream(src: number, length: number, codes: number, pairs: number, dst: number): number;
  buildDecodeTable(codes: number, single: number, table: number): void;
  decodeStreams(
    src: number,
    lengths: number,
    single: number,
    table: number,
    dst: number,
    count: number,
  ): number;
  xor(a: number, b: number, dst: number, length: number): void;
  gearCut(src: number, length: number, table: number): number;
  gfMulAdd(src: number, dst: number, length: number, products: number): void;
};

const mebibyte = 1 << 20;

/** Where things lie. Each of the three rooms has more behind it than a wrong stream can make a kernel read. */
export const places = {
  counts: 0,
  codes: 4096,
  lengths: 5120,
  products: 5376,
  gear: 6144,
  single: 8192,
  table: 16_384,
  pairs: 65_536,
  input: 5 * 65_536,
  planes: 5 * 65_536 + 2 * mebibyte,
  output: 5 * 65_536 + 4 * mebibyte,
  end: 5 * 65_536 + 6 * mebibyte,
} as const;

/** TypeScript knows these with the browser's library only. */
const { Memory, Module, Instance } = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (limits: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
      Module: new (bytes: Uint8Array) => object;
      Instance: new (module: object, imports: object) => { exports: object };
    };
  }
).WebAssembly;

export type Kernels = Exports & { bytes: Uint8Array; words: Uint32Array };

/** One set with its memory, about 6 MiB. Calls do not interrupt each other, so a thread needs one. */
export function createKernels(): Kernels {
  const memory = new Memory({ initial: places.end / 65_536, maximum: places.end / 65_536 });
  const module = new Module(Buffer.from(kernelsWasm, "base64"));
  const { exports } = new Instance(module, { env: { memory } });
  return {
    ...(exports as Exports),
    bytes: new Uint8Array(memory.buffer),
    words: new Uint32Array(memory.buffer),
  };
}

let own: Kernels | undefined;

/** This thread's set: nothing of a call is left that another could see, so that all may share the memory. */
export function kernels(): Kernels {
  own ??= createKernels();
  return own;
}

/** A result leaves the kernels' memory: to the start of `room`, or into memory of its own. */
export function copyOut(at: number, length: number, room?: Uint8Array): Uint8Array {
  const { bytes } = kernels();
  if (!room) return bytes.slice(at, at + length);
  room.set(bytes.subarray(at, at + length));
  return room.subarray(0, length);
}
