import { z } from "zod";

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A path inside a tree: relative, POSIX separators, no empty, `.` or `..` segment, no NUL, no backslash, no dot-files. */
export const TreePath = z
  .string()
  .min(1)
  .max(1024)
  .refine(
    (path) => path.split("/").every((part) => part !== "" && !part.startsWith(".")) && !/[\0\\]/.test(path),
    "a relative path without '..', dot-files, backslashes or NUL",
  );

export const TreeFile = z.strictObject({
  path: TreePath,
  size: z.number().int().min(0),
  digest: Sha256.describe("SHA-256 over the chunk digests"),
  chunks: z.array(Sha256).describe("SHA-256 of each 8 MiB"),
});
export type TreeFile = z.infer<typeof TreeFile>;

/** The files that a model server serves, sorted by path. `digest` is SHA-256 over the canonical JSON of [path, size, digest]. */
export const Tree = z.strictObject({
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  files: z.array(TreeFile).max(100_000),
});
export type Tree = z.infer<typeof Tree>;
