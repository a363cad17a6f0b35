import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyRoot, leafHash, nodeHash } from "./merkle-hash.ts";
import { splitOf } from "./proof-ranges.ts";
import { tilePath } from "./tile.ts";
import { createTileTree, type TileTree } from "./tile-tree.ts";
import { isConsistent, isIncluded } from "./verify-proof.ts";

/** Of bytes below 128 each is a character, and the same in UTF-8. */
const hex = (text: string) => Buffer.from(text, "hex");

/** The inputs and roots of the reference implementation of RFC 6962. */
const inputs = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** Section 2.1 as it is written: slow and plain. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (!only) return emptyRoot;
  if (leaves.length === 1) return only;
  const split = splitOf(leaves.length);
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

const leafOf = (index: number) => leafHash(`record ${index}`);

/** A tree whose full tiles went to a store, as a log does at each checkpoint. */
function grown(count: number): TileTree {
  const store = new Map<string, Buffer>();
  const tree = createTileTree({ read: async (tile) => store.get(tilePath(tile)) });
  for (let index = 0; index < count; index += 1) {
    tree.push(leafOf(index));
    if (index % 300 !== 299) continue;
    const tiles = tree.unstored();
    for (const tile of tiles) store.set(tilePath(tile), tile.bytes);
    tree.stored(tiles);
  }
  return tree;
}

test("roots are those of the reference", () => {
  const tree = createTileTree({ read: async () => undefined });
  expect(tree.root().toString("hex")).toBe(roots[0]);
  for (const [index, input] of inputs.entries()) {
    tree.push(leafHash(hex(input).toString("latin1")));
    expect(tree.root().toString("hex")).toBe(roots[index + 1]);
  }
});

test("tiles have the paths of the specification", () => {
  expect(tilePath({ level: 0, index: 0, width: 256 })).toBe("tile/0/000");
  expect(tilePath({ level: 3, index: 1_234_067, width: 256 })).toBe("tile/3/x001/x234/067");
  expect(tilePath({ level: 1, index: 273, width: 112 })).toBe("tile/1/273.p/112");
});

describe("proofs", () => {
  const size = 1100;
  const leaves = Array.from({ length: size }, (_, index) => leafOf(index));
  const tree = grown(size);

  test("the root at every kind of size is that of the definition", async () => {
    expect(tree.root()).toEqual(rootOf(leaves));
    for (const at of [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 767, 1023, 1024, 1025, 1099])
      expect(await tree.rootAt(at), `${at}`).toEqual(rootOf(leaves.slice(0, at)));
  });

  test("of inclusion hold for their leaf, place and size, and for nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: size }), fc.nat(), fc.nat(), async (of, where, flip) => {
        const index = where % of;
        const root = await tree.rootAt(of);
        const proof = await tree.inclusion(index, of);
        const claim = { leaf: leafOf(index), index, size: of, root, proof };
        expect(isIncluded(claim)).toBe(true);
        expect(isIncluded({ ...claim, leaf: leafOf(index + 1) })).toBe(false);
        expect(isIncluded({ ...claim, index: of })).toBe(false);
        if (of > 1) expect(isIncluded({ ...claim, index: (index + 1) % of })).toBe(false);
        expect(isIncluded({ ...claim, proof: [...proof, root] })).toBe(false);
        if (proof.length === 0) return;
        const broken = proof.map((hash) => Buffer.from(hash));
        const hash = broken[flip % broken.length];
        if (hash) hash[flip % 32] = (hash[flip % 32] ?? 0) ^ 1;
        expect(isIncluded({ ...claim, proof: broken })).toBe(false);
        expect(isIncluded({ ...claim, proof: proof.slice(1) })).toBe(false);
      }),
    );
  });

  test("of consistency hold between any two sizes, and not for a rewritten history", async () => {
    const forged = createTileTree({ read: async () => undefined });
    for (let index = 0; index < size; index += 1) forged.push(leafOf(index === 400 ? 401 : index));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: size }), fc.integer({ min: 0, max: size }), async (a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        const old = { size: less, root: await tree.rootAt(less) };
        const newer = { size: more, root: await tree.rootAt(more) };
        const proof = await tree.consistency(less, more);
        expect(isConsistent({ old, newer, proof })).toBe(true);
        if (less > 0) expect(isConsistent({ old, newer, proof: [...proof, old.root] })).toBe(false);
        if (less <= 400) return;
        const other = { size: more, root: await forged.rootAt(more) };
        expect(isConsistent({ old, newer: other, proof: await forged.consistency(less, more) })).toBe(false);
        expect(isConsistent({ old, newer: other, proof })).toBe(false);
      }),
    );
  });

  test("sizes and proofs that make no sense are no proof, and cost nothing", () => {
    const root = tree.root();
    const bad = { size: Number.NaN, root };
    expect(isConsistent({ old: bad, newer: { size, root }, proof: [] })).toBe(false);
    expect(isConsistent({ old: { size: 2 ** 60, root }, newer: { size, root }, proof: [] })).toBe(false);
    expect(isIncluded({ leaf: root, index: 0.5, size: 2, root, proof: [root] })).toBe(false);
    const long = Array.from({ length: 65 }, () => root);
    expect(isIncluded({ leaf: root, index: 0, size: 2 ** 52, root, proof: long })).toBe(false);
  });
});

test("a tile that is gone is a fault, not a wrong proof", async () => {
  const tree = createTileTree({ read: async () => undefined });
  for (let index = 0; index < 600; index += 1) tree.push(leafOf(index));
  tree.stored(tree.unstored());
  await expect(tree.inclusion(3)).rejects.toMatchObject({ code: "storage-failed" });
  expect(tree.root()).toEqual(rootOf(Array.from({ length: 600 }, (_, index) => leafOf(index))));
});
