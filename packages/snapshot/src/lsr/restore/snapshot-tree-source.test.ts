import { createHash } from "node:crypto";
import { type Tree, type TreeFile, treeChunkBytes } from "@locum/contracts";
import { expect, test } from "vitest";
import { treeOf } from "../../tree-digest.ts";
import type { ManifestBody } from "../manifest/manifest-body.ts";
import { encodeChunkRefs } from "../manifest/manifest-body.ts";
import { loadIndex } from "../repository/load-index.ts";
import { openChunks } from "../repository/open-chunks.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { commitOf, newRepository, weightsOf } from "../testing/repository-rig.ts";
import { opener } from "../testing/rig.ts";
import { chunksOfTree, snapshotTreeSource } from "./snapshot-tree-source.ts";

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
const buffer = () => new Uint8Array(treeChunkBytes);

function treeFileOf(path: string, bytes: Uint8Array): TreeFile {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += treeChunkBytes)
    chunks.push(sha256(bytes.subarray(at, at + treeChunkBytes)));
  return {
    path,
    size: bytes.length,
    digest: sha256(Buffer.concat(chunks)).toString("hex"),
    chunks: chunks.map((chunk) => chunk.toString("hex")),
  };
}
async function readAll(
  tree: Tree,
  source: ReturnType<typeof snapshotTreeSource>,
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const file of tree.files) {
    const parts: Buffer[] = [];
    for (const chunk of file.chunks.keys())
      parts.push(Buffer.from(await source.readChunk(file, chunk, buffer())));
    found.set(file.path, Buffer.concat(parts));
  }
  return found;
}

test("a snapshot of a real repository is a source of the tree that it was taken of", async () => {
  const { repository } = await newRepository();
  const { id } = await commitOf(repository, weightsOf(1));
  const manifest = await readSnapshot(repository, id, { opener });
  const chunks = openChunks({ repository, loaded: await loadIndex(repository, { for: "reader" }), opener });
  const files: TreeFile[] = [];
  for (const entry of manifest.body.files) {
    if (entry.kind !== "file") continue;
    const parts: Uint8Array[] = [];
    for (const { chunkId } of chunksOfTree(
      { digest: "", files: [{ path: entry.path, size: entry.size, digest: "", chunks: [] }] },
      manifest.body,
    ))
      parts.push(await chunks.read(chunkId));
    files.push(treeFileOf(entry.path, Buffer.concat(parts)));
  }
  const tree = treeOf(files);
  const source = snapshotTreeSource({ tree, manifest: manifest.body, chunks });
  const found = await readAll(tree, source);
  for (const file of tree.files)
    expect(treeFileOf(file.path, found.get(file.path) ?? Buffer.alloc(0))).toEqual(file);
  expect(source.modeOf?.("a/config.json")).toBe(0o600);

  const [first, ...others] = tree.files;
  if (!first) throw new Error("the tree has files");
  const longer = treeOf([{ ...first, size: first.size + 1 }, ...others]);
  expect(() => snapshotTreeSource({ tree: longer, manifest: manifest.body, chunks })).toThrow(
    expect.objectContaining({ code: "snapshot-missing" }),
  );
  const otherBytes = { ...first, chunks: [sha256(Buffer.from("other")).toString("hex")] };
  await expect(source.readChunk(otherBytes, 0, buffer())).rejects.toMatchObject({ code: "snapshot-corrupt" });
});

test("chunks that are cut elsewhere than the tree's, and names that are links in the snapshot", async () => {
  const bytes = Buffer.alloc(2 * treeChunkBytes + 77);
  for (let at = 0; at < bytes.length; at += 61) bytes[at] = at % 250;
  const cuts = [0, 1, ...Array.from({ length: 16 }, (_, at) => 1_000_003 * (at + 1)), bytes.length];
  const refs = cuts
    .slice(1)
    .map((end, at) => ({ chunkId: sha256(Buffer.from(`${at}`)), plainLength: end - (cuts[at] ?? 0) }));
  const content = new Map(
    refs.map(({ chunkId }, at) => [chunkId.toString("hex"), bytes.subarray(cuts[at], cuts[at + 1])]),
  );
  const entry = {
    kind: "file" as const,
    mode: 0o644,
    mtimeNs: "0",
    sha256: "0".repeat(64),
    parser: "",
    tensors: [],
  };
  const files: ManifestBody["files"] = [
    { ...entry, path: "blobs/one", size: bytes.length, chunks: encodeChunkRefs(refs) },
    { kind: "link", path: "model.bin", target: "blobs/one" },
    { kind: "link", path: "folder", target: "blobs" },
    { kind: "link", path: "loop", target: "loop" },
    { ...entry, path: "empty", size: 0, chunks: "" },
  ];
  const tree = treeOf([
    treeFileOf("model.bin", bytes),
    treeFileOf("folder/one", bytes),
    treeFileOf("empty", Buffer.alloc(0)),
  ]);
  const chunks = {
    read: async (id: Uint8Array) => content.get(Buffer.from(id).toString("hex")) ?? Buffer.alloc(0),
  };
  const source = snapshotTreeSource({ tree, manifest: { files }, chunks });
  const found = await readAll(tree, source);
  expect(["model.bin", "folder/one"].map((path) => found.get(path)?.equals(bytes))).toEqual([true, true]);
  const loop = treeOf([treeFileOf("loop", bytes)]);
  expect(() => snapshotTreeSource({ tree: loop, manifest: { files }, chunks })).toThrow(
    expect.objectContaining({ code: "snapshot-missing" }),
  );
  expect(chunksOfTree(loop, { files })).toEqual([]);
});
