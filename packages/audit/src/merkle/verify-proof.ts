import { nodeHash } from "./merkle-hash.ts";

/** A tree of 2^53 leaves is no deeper; a longer proof is not read. */
const depthMax = 64;

/** Whether `proof` shows a leaf at `index` of the tree with this size and root (RFC 9162, section 2.1.3.2). */
export function isIncluded({
  leaf,
  index,
  size,
  root,
  proof,
}: {
  leaf: Buffer;
  index: number;
  size: number;
  root: Buffer;
  proof: readonly Buffer[];
}): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || proof.length > depthMax) return false;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else hash = nodeHash(hash, sibling);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && hash.equals(root);
}

/** Whether `proof` shows that the newer tree begins with the whole older one (RFC 9162, section 2.1.4.2). */
export function isConsistent({
  old,
  newer,
  proof,
}: {
  old: { size: number; root: Buffer };
  newer: { size: number; root: Buffer };
  proof: readonly Buffer[];
}): boolean {
  if (!isSize(old.size) || !isSize(newer.size) || old.size > newer.size || proof.length > depthMax)
    return false;
  if (old.size === 0) return proof.length === 0;
  if (old.size === newer.size) return proof.length === 0 && old.root.equals(newer.root);
  const path = [...proof];
  if (isPowerOfTwo(old.size)) path.unshift(old.root);
  const first = path.shift();
  if (!first) return false;
  let at = old.size - 1;
  let last = newer.size - 1;
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  let oldRoot = first;
  let newRoot = first;
  for (const sibling of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldRoot = nodeHash(sibling, oldRoot);
      newRoot = nodeHash(sibling, newRoot);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else newRoot = nodeHash(newRoot, sibling);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && oldRoot.equals(old.root) && newRoot.equals(newer.root);
}

const half = (value: number): number => Math.floor(value / 2);
const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}
