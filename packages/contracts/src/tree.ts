import { z } from "zod";

/** Files are hashed, compared and repaired in pieces of this size; it is part of what a digest means. */
export const treeChunkBytes = 8 * 1024 * 1024;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * A path inside a tree: relative, POSIX separators, no empty, `.` or `..` segment, no dot-files (they are not part
 * of a tree), no backslash or drive letter (they are separators elsewhere), no NUL or other control character.
 */
export const TreePath = z
  .string()
  .min(1)
  .max(1024)
  .refine(
    (path) => path.split("/").every((part) => part !== "" && part.length <= 255 && !part.startsWith(".")),
    "a relative path without '..', empty parts or dot-files",
  )
  .refine(
    (path) => path.isWellFormed() && !/[\p{Cc}\\\uFFFD]|^[a-z]:/iu.test(path),
    "a path without backslashes, control characters, drive letters or undecodable bytes",
  );

export const TreeFile = z
  .strictObject({
    path: TreePath,
    size: z.number().int().min(0),
    digest: Sha256.describe("SHA-256 over the chunk digests, as bytes"),
    chunks: z
      .array(Sha256)
      .max(1 << 20)
      .describe("SHA-256 of each 8 MiB"),
  })
  .refine(
    ({ size, chunks }) => chunks.length === Math.ceil(size / treeChunkBytes),
    "one chunk digest for each 8 MiB of size",
  );
export type TreeFile = z.infer<typeof TreeFile>;

/** The files that a model server serves, sorted by path (UTF-16 code units). `digest` is SHA-256 over the canonical JSON of [path, size, digest]. */
export const Tree = z.strictObject({
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  files: z.array(TreeFile).max(100_000).superRefine(refuseDisorder),
});
export type Tree = z.infer<typeof Tree>;

/** Sorted and unique, so that one content has one digest; and no file is also the folder of another. */
function refuseDisorder(files: { path: string }[], context: z.core.$RefinementCtx): void {
  const paths = new Set(files.map((file) => file.path));
  for (const [index, { path }] of files.entries()) {
    const before = files[index - 1];
    if (before && before.path >= path)
      context.addIssue({ code: "custom", message: "sorted by path, each once", path: [index, "path"] });
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1))
      if (paths.has(path.slice(0, cut)))
        context.addIssue({
          code: "custom",
          message: "a path below another file's path",
          path: [index, "path"],
        });
  }
}
