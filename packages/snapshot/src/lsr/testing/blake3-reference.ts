import type { KeyedHash } from "../crypto/keyed-hash.ts";

/** BLAKE3 in plain numbers, after the paper's section 2: for tests, much slower than the native library. */
export const referenceHash: KeyedHash = {
  keyed: (key, bytes) => blake3(bytes, wordsOf(key), flag.keyed),
  hasher() {
    const parts: Uint8Array[] = [];
    return {
      update: (bytes) => void parts.push(Uint8Array.from(bytes)),
      digest: () => blake3(Buffer.concat(parts), start, 0),
    };
  },
};

const start = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
const flag = { chunkStart: 1, chunkEnd: 2, parent: 4, root: 8, keyed: 16 };
const shuffle = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const chunkBytes = 1024;

type Node = { chain: Uint32Array; block: Uint32Array; counter: number; length: number; flags: number };

function blake3(bytes: Uint8Array, key: Uint32Array, mode: number): Uint8Array {
  const root = treeNode(bytes, 0, key, mode);
  const words = compress({ ...root, flags: root.flags | flag.root, counter: 0 });
  return new Uint8Array(words.slice(0, 8).buffer);
}

/** The node of these bytes, not yet compressed: only its user knows whether it is the root. */
function treeNode(bytes: Uint8Array, counter: number, key: Uint32Array, mode: number): Node {
  if (bytes.length <= chunkBytes) return chunkNode(bytes, counter, key, mode);
  let left = chunkBytes;
  while (left * 2 < bytes.length) left *= 2;
  const block = new Uint32Array(16);
  block.set(chainOf(treeNode(bytes.subarray(0, left), counter, key, mode)));
  block.set(chainOf(treeNode(bytes.subarray(left), counter + left / chunkBytes, key, mode)), 8);
  return { chain: key, block, counter: 0, length: 64, flags: mode | flag.parent };
}

function chunkNode(bytes: Uint8Array, counter: number, key: Uint32Array, mode: number): Node {
  let chain = key;
  for (let at = 0; ; at += 64) {
    const part = bytes.subarray(at, at + 64);
    const padded = new Uint8Array(64);
    padded.set(part);
    const isLast = at + 64 >= bytes.length;
    const flags = mode | (at === 0 ? flag.chunkStart : 0) | (isLast ? flag.chunkEnd : 0);
    const node = { chain, block: wordsOf(padded), counter, length: part.length, flags };
    if (isLast) return node;
    chain = chainOf(node);
  }
}

const chainOf = (node: Node): Uint32Array => compress(node).slice(0, 8);

function compress({ chain, block, counter, length, flags }: Node): Uint32Array {
  const high = Math.floor(counter / 2 ** 32);
  const v = Uint32Array.of(...chain, ...start.subarray(0, 4), counter, high, length, flags);
  let words = block;
  for (let round = 0; round < 7; round++) {
    for (const [place, quad] of quads.entries())
      mix(v, quad, words[2 * place] ?? 0, words[2 * place + 1] ?? 0);
    const before = words;
    words = new Uint32Array(16);
    for (const [place, from] of shuffle.entries()) words[place] = before[from] ?? 0;
  }
  for (let i = 0; i < 8; i++) v[i] = (v[i] ?? 0) ^ (v[i + 8] ?? 0);
  return v;
}

type Quad = readonly [number, number, number, number];
/** Columns, then diagonals. */
const quads: readonly Quad[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

function mix(v: Uint32Array, quad: Quad, x: number, y: number): void {
  const [ia, ib, ic, id] = quad;
  let [a, b, c, d] = [v[ia] ?? 0, v[ib] ?? 0, v[ic] ?? 0, v[id] ?? 0];
  a = (a + b + x) | 0;
  d = turn(d ^ a, 16);
  c = (c + d) | 0;
  b = turn(b ^ c, 12);
  a = (a + b + y) | 0;
  d = turn(d ^ a, 8);
  c = (c + d) | 0;
  b = turn(b ^ c, 7);
  v[ia] = a;
  v[ib] = b;
  v[ic] = c;
  v[id] = d;
}

const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer);
