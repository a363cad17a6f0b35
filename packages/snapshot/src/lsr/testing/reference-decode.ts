import { zstdDecompressSync } from "node:zlib";

/**
 * The codecs once more, bit by bit and number by number, straight from docs/snapshot-format.md: slow, and sharing
 * nothing with the decoder that it judges in the tests. Ill-formed bytes throw, no matter what.
 */
export function referenceDecode(
  codec: number,
  bytes: Uint8Array,
  length: number,
  base?: Uint8Array,
): Uint8Array {
  if (codec === 0) return bytes;
  if (codec === 1) return zstdDecompressSync(bytes);
  if (codec === 2) return planes(bytes, length);
  if (codec === 3) return Uint8Array.from({ length }, (_, i) => bytes[i % bytes.length] ?? 0);
  if (codec !== 4 || !base) throw new Error(`codec ${codec}`);
  const inner = referenceDecode(bytes[0] ?? 255, bytes.subarray(1), length);
  return inner.map((byte, i) => byte ^ (base[i] ?? 0));
}

function planes(bytes: Uint8Array, length: number): Uint8Array {
  const [mode = 0] = bytes;
  const width = mode & 15;
  const count = Math.floor(length / width);
  const values = new Array<bigint>(count).fill(0n);
  let at = 1;
  for (let place = 0; place < width; place++) {
    const size = Buffer.from(bytes).readUInt32LE(at + 1);
    const plane = onePlane(bytes[at] ?? 0, bytes.subarray(at + 5, at + 5 + size), count);
    plane.forEach((byte, i) => {
      values[i] = ((values[i] ?? 0n) << 8n) | BigInt(byte);
    });
    at += 5 + size;
  }
  const bits = BigInt(8 * width);
  const turned = mode >= 128 ? values.map((value) => (value >> 1n) | ((value & 1n) << (bits - 1n))) : values;
  const whole = turned.flatMap((value) =>
    Array.from({ length: width }, (_, k) => Number((value >> BigInt(8 * k)) & 255n)),
  );
  return Uint8Array.from([...whole, ...bytes.subarray(at)]);
}

function onePlane(method: number, bytes: Uint8Array, count: number): Uint8Array {
  if (method === 0) return bytes;
  if (method === 1) return zstdDecompressSync(bytes);
  if (method === 3) return new Uint8Array(count).fill(bytes[0] ?? 0);
  return huffman(bytes, count);
}

function huffman(bytes: Uint8Array, count: number): Uint8Array {
  const lengths = Array.from(
    { length: 256 },
    (_, symbol) => ((bytes[symbol >> 1] ?? 0) >> (4 * (symbol & 1))) & 15,
  );
  const symbolOf = new Map<string, number>();
  let code = 0;
  for (let bits = 1; bits <= 12; bits++, code *= 2)
    for (const [symbol, length] of lengths.entries())
      if (length === bits) symbolOf.set((code++).toString(2).padStart(bits, "0"), symbol);
  const out: number[] = [];
  let at = 144;
  for (let k = 0; k < 4; k++) {
    const size = Buffer.from(bytes).readUInt32LE(128 + 4 * k);
    const quarter = Math.ceil(count / 4);
    const due = Math.min(count, (k + 1) * quarter) - Math.min(count, k * quarter);
    out.push(...stream(bytes.subarray(at, at + size), due, symbolOf));
    at += size;
  }
  return Uint8Array.from(out);
}

function stream(bytes: Uint8Array, due: number, symbolOf: Map<string, number>): number[] {
  const out: number[] = [];
  let bit = 0;
  while (out.length < due) {
    let code = "";
    while (!symbolOf.has(code)) {
      if (code.length > 12) throw new Error("no code");
      code += ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1;
      bit++;
    }
    out.push(symbolOf.get(code) ?? 0);
  }
  return out;
}
