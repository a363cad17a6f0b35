/** The shortest pattern of up to 8 bytes that the chunk repeats, or undefined. Leaves at the first other byte. */
export function constantPattern(plain: Uint8Array): Uint8Array | undefined {
  for (const period of [1, 2, 4, 8]) {
    if (period >= plain.length) return undefined;
    if (repeats(plain, period)) return plain.slice(0, period);
  }
  return undefined;
}

export function fillPattern(pattern: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += pattern.length) out.set(pattern.subarray(0, length - at), at);
  return out;
}

function repeats(plain: Uint8Array, period: number): boolean {
  for (let i = period; i < plain.length; i++) if (plain[i] !== plain[i - period]) return false;
  return true;
}
