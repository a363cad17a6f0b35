import { corrupt } from "../corrupt.ts";
import { codeBitsMax } from "./huffman-lengths.ts";

/**
 * Codes of RFC 1951, 3.2.2, with their bits turned round, so that the first bit of a code is the lowest.
 * @throws Fault snapshot-corrupt: the lengths are those of no complete code
 */
export function canonicalCodes(lengths: Uint8Array): Uint16Array {
  const countOf = new Uint32Array(codeBitsMax + 1);
  let used = 0;
  for (const length of lengths) {
    if (length > codeBitsMax) throw corrupt(`a Huffman code of ${length} bits, at most ${codeBitsMax}`);
    if (length === 0) continue;
    countOf[length] = (countOf[length] ?? 0) + 1;
    used++;
  }
  const next = new Uint32Array(codeBitsMax + 2);
  let code = 0;
  for (let bits = 1; bits <= codeBitsMax; bits++) {
    next[bits] = code;
    code = (code + (countOf[bits] ?? 0)) << 1;
  }
  const isSingle = used === 1 && countOf[1] === 1;
  // After the last length, a complete code has used up all 2^12 leaves: code was doubled once too often.
  if (!isSingle && code !== 1 << (codeBitsMax + 1)) throw corrupt("Huffman code lengths that are no code");
  return Uint16Array.from(lengths, (length) => {
    if (length === 0) return 0;
    const value = next[length] ?? 0;
    next[length] = value + 1;
    return reverseBits(value, length);
  });
}

function reverseBits(value: number, length: number): number {
  let reversed = 0;
  for (let bit = 0; bit < length; bit++) reversed |= ((value >> bit) & 1) << (length - 1 - bit);
  return reversed;
}
