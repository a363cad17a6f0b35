/** `left` XOR `right`, of equal lengths, eight bytes at a time only where both are aligned: tensors often are not. */
export function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  const out = new Uint8Array(left.length);
  const isAligned = left.byteOffset % 4 === 0 && right.byteOffset % 4 === 0;
  const words = isAligned ? left.length >> 2 : 0;
  if (words > 0) {
    const [a, b] = [left, right].map((bytes) => new Int32Array(bytes.buffer, bytes.byteOffset, words));
    const target = new Int32Array(out.buffer, 0, words);
    if (a && b) for (let i = 0; i < words; i++) target[i] = (a[i] ?? 0) ^ (b[i] ?? 0);
  }
  for (let i = words * 4; i < left.length; i++) out[i] = (left[i] ?? 0) ^ (right[i] ?? 0);
  return out;
}
