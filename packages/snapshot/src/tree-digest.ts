import { canonicalJson, Fault, sha256Hex, Tree, type TreeFile } from "@locum/contracts";

/** Digest of a tree: SHA-256 over the canonical JSON of [path, size, digest], sorted by path. */
export const treeDigest = (files: readonly TreeFile[]): string =>
  `sha256:${sha256Hex(canonicalJson(sortFiles(files).map(({ path, size, digest }) => [path, size, digest])))}`;

export function treeOf(files: readonly TreeFile[]): Tree {
  const sorted = sortFiles(files);
  return { digest: treeDigest(sorted), files: sorted };
}

/**
 * A tree that came from outside (a file, a message): schema, path rules, and every digest recomputed.
 * @throws Fault snapshot-corrupt
 */
export function parseTree(value: unknown): Tree {
  const parsed = Tree.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Fault("snapshot-corrupt", `not a tree: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  for (const { path, digest, chunks } of parsed.data.files)
    if (sha256Hex(Uint8Array.from(Buffer.from(chunks.join(""), "hex"))) !== digest)
      throw new Fault("snapshot-corrupt", `the chunk digests of ${JSON.stringify(path)} have another digest`);
  if (treeDigest(parsed.data.files) !== parsed.data.digest)
    throw new Fault("snapshot-corrupt", `the files of ${parsed.data.digest} have another digest`);
  return parsed.data;
}

const sortFiles = (files: readonly TreeFile[]): TreeFile[] =>
  files.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
