import { createHash } from "node:crypto";
import { posix, win32 } from "node:path";
import { Tree, type TreeFile, TreePath, treeChunkBytes } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffTrees } from "./chunk-diff.ts";
import { parseTree, treeDigest, treeOf } from "./tree-digest.ts";

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const name = fc.stringMatching(/^[a-zäß0-9_][a-z0-9._ -]{0,8}$/);
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));

const file = (chunkOf: fc.Arbitrary<string>): fc.Arbitrary<TreeFile> =>
  fc
    .tuple(path, fc.array(chunkOf, { maxLength: 4 }), fc.integer({ min: 1, max: treeChunkBytes }))
    .map(([at, chunks, tail]) => ({
      path: at,
      size: chunks.length === 0 ? 0 : (chunks.length - 1) * treeChunkBytes + tail,
      chunks,
      digest: sha256(Buffer.from(chunks.join(""), "hex")),
    }));

/** Few different chunks, so that trees have much in common. */
const files = fc
  .uniqueArray(file(fc.integer({ min: 0, max: 4 }).map((seed) => sha256(`${seed}`))), {
    selector: (entry) => entry.path,
    maxLength: 8,
  })
  .filter((all) => Tree.safeParse(treeOf(all)).success);

describe("the digest of a tree", () => {
  test("is held by this vector", () => {
    const empty = { path: "empty", size: 0, chunks: [], digest: sha256("") };
    expect(treeDigest([])).toBe(`sha256:${sha256("[]")}`);
    expect(treeDigest([empty])).toBe(
      "sha256:".concat(
        sha256(`[["empty",0,"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]]`),
      ),
    );
  });

  test("does not depend on the order of files, and depends on everything else", () => {
    fc.assert(
      fc.property(files, fc.infiniteStream(fc.nat()), (all, luck) => {
        const shuffled = all
          .map((entry) => [luck.next().value, entry] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, entry]) => entry);
        expect(treeOf(shuffled)).toEqual(treeOf(all));
        for (const [index, entry] of all.entries()) {
          const others = [
            { ...entry, path: `${entry.path}x` },
            { ...entry, size: entry.size + 1 },
            { ...entry, digest: sha256(entry.digest) },
          ];
          for (const other of others) expect(treeDigest(all.with(index, other))).not.toBe(treeDigest(all));
        }
      }),
    );
  });

  test("survives JSON, and no change of one character does", () => {
    fc.assert(
      fc.property(files, fc.nat(), fc.constantFrom(...'0123456789abcdef/.\\\0"[]{},'), (all, at, letter) => {
        const tree = treeOf(all);
        const text = JSON.stringify(tree);
        expect(parseTree(JSON.parse(text))).toEqual(tree);
        const place = at % text.length;
        const changed = text.slice(0, place) + letter + text.slice(place + 1);
        let value: unknown;
        try {
          value = JSON.parse(changed);
        } catch {
          return;
        }
        if (JSON.stringify(value) === text) return;
        expect(() => parseTree(value)).toThrow(expect.objectContaining({ code: "snapshot-corrupt" }));
      }),
      { numRuns: 500 },
    );
  });
});

describe("TreePath", () => {
  test.for([
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden/b",
    "a\0b",
    "a\nb",
    "a\\..\\b",
    "C:/x",
    "c:x",
    "\ud800",
    "a\ufffdb",
    "x".repeat(256),
    `${"x/".repeat(600)}x`,
  ])("refuses %j", (bad) => expect(TreePath.safeParse(bad).success).toBe(false));

  test.for(["model.onnx", "1/model.onnx", "a..b", "a b/ü", "blobs/sha256-00", "x".repeat(255)])(
    "takes %j",
    (good) => expect(TreePath.safeParse(good).success).toBe(true),
  );

  test("never leads out of the folder that it is joined to", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", ".", "/", "\\", "\0", ":") }), (text) => {
        if (!TreePath.safeParse(text).success) return;
        expect(posix.resolve("/root", text)).toBe(`/root/${text}`);
        expect(win32.resolve("C:\\root", text).startsWith("C:\\root\\")).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("Tree", () => {
  const entry = (at: string): TreeFile => ({ path: at, size: 0, chunks: [], digest: sha256("") });
  const digest = `sha256:${"0".repeat(64)}`;
  test.for<[string, TreeFile[]]>([
    ["disorder", [entry("b"), entry("a")]],
    ["a path twice", [entry("a"), entry("a")]],
    ["a file below a file", [entry("a"), entry("a/b")]],
    ["too few chunks", [{ ...entry("a"), size: 1 }]],
    ["too many chunks", [{ ...entry("a"), chunks: [sha256("x")] }]],
  ])("refuses %s", ([, all]) => expect(Tree.safeParse({ digest, files: all }).success).toBe(false));
});

describe("diffTrees", () => {
  test("names exactly what turns one tree into the other", () => {
    fc.assert(
      fc.property(files, files, (before, after) => {
        const [source, target] = [treeOf(before), treeOf(after)];
        const diff = diffTrees(source, target);
        const result = new Map(source.files.map((entry) => [entry.path, entry]));
        const wanted = new Map(target.files.map((entry) => [entry.path, entry]));
        for (const gone of diff.removed) expect(result.delete(gone)).toBe(true);
        for (const added of diff.added) {
          expect(result.has(added)).toBe(false);
          result.set(added, wanted.get(added) as TreeFile);
        }
        for (const { path: at, chunks } of diff.changed) {
          const old = result.get(at) as TreeFile;
          const now = wanted.get(at) as TreeFile;
          expect(old).not.toEqual(now);
          const mended = now.chunks.map((chunk, index) =>
            chunks.includes(index) ? chunk : old.chunks[index],
          );
          expect(mended).toEqual(now.chunks);
          for (const chunk of chunks) expect(old.chunks[chunk]).not.toBe(now.chunks[chunk]);
          result.set(at, now);
        }
        expect(treeOf([...result.values()])).toEqual(target);
        expect(diffTrees(source, source)).toEqual({ added: [], removed: [], changed: [] });
      }),
    );
  });
});
