import { posix } from "node:path";
import { z } from "zod";
import { corrupt } from "../corrupt.ts";
import { limits } from "../limits.ts";

const pathBytesMax = 4096;
const size = z.number().int().nonnegative();

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const path = z.string().refine(isSafePath, "a relative path without . or .., at most 4096 bytes");
const file = z.object({
  path,
  kind: z.literal("file"),
  mode: size.max(0o7777),
  mtimeNs: z.string().regex(/^-?\d{1,20}$/),
  size,
  /** Of all its bytes, as the writer chose; without either, its chunks alone say what it is. */
  sha256: digest.optional(),
  blake3: digest.optional(),
  parser: z.string().max(40),
  chunks: z.base64(),
  tensors: z.array(
    z.object({ name: z.string(), dtype: z.string(), shape: z.array(size), start: size, length: size }),
  ),
});
const link = z.object({ path, kind: z.literal("link"), target: z.string().min(1).max(pathBytesMax) });
const dir = z.object({ path, kind: z.literal("dir"), mode: size.max(0o7777) });

/** What a snapshot holds; members that are not known here are dropped on reading. */
export const manifestBody = z.object({
  files: z.array(z.discriminatedUnion("kind", [file, link, dir])),
  state: z.record(z.string(), z.json()),
  bundle: z.record(z.string(), z.json()).nullable(),
});
export type ManifestBody = z.infer<typeof manifestBody>;
export type ManifestFile = z.infer<typeof file>;
export type ChunkRef = { chunkId: Uint8Array; plainLength: number };

const refBytes = 36;

export function encodeChunkRefs(refs: readonly ChunkRef[]): string {
  const bytes = Buffer.alloc(refBytes * refs.length);
  for (const [place, { chunkId, plainLength }] of refs.entries()) {
    bytes.set(chunkId, refBytes * place);
    bytes.writeUInt32LE(plainLength, refBytes * place + 32);
  }
  return bytes.toString("base64");
}

/** A file's chunks, in order. @throws Fault snapshot-corrupt: they do not make up the file's size */
export function chunkRefs({
  path,
  chunks,
  size,
}: Pick<ManifestFile, "path" | "chunks" | "size">): ChunkRef[] {
  const bytes = Buffer.from(chunks, "base64");
  const refs: ChunkRef[] = [];
  let sum = 0;
  for (let at = 0; at + refBytes <= bytes.length; at += refBytes) {
    const plainLength = bytes.readUInt32LE(at + 32);
    if (plainLength > limits.chunk) throw corrupt(`${path} has a chunk of ${plainLength} bytes`);
    refs.push({ chunkId: bytes.subarray(at, at + 32), plainLength });
    sum += plainLength;
  }
  if (bytes.length % refBytes !== 0 || sum !== size)
    throw corrupt(`the chunks of ${path} have ${sum} bytes of ${size}`);
  return refs;
}

/** @throws Fault snapshot-corrupt: no manifest, or paths that a restore must not follow */
export function parseManifestBody(bytes: Uint8Array): ManifestBody {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw corrupt("the manifest is no JSON", error);
  }
  const { data, error } = manifestBody.safeParse(json);
  if (!data)
    throw corrupt(
      `the manifest is not valid: ${error.issues[0]?.path.join(".")}: ${error.issues[0]?.message}`,
    );
  checkPaths(data.files);
  for (const entry of data.files) if (entry.kind === "file") chunkRefs(entry);
  return data;
}

/** No path twice, none below a file or a link, no link that leads out of the tree. */
function checkPaths(entries: ManifestBody["files"]): void {
  const kinds = new Map<string, string>();
  for (const { path, kind } of entries) {
    if (kinds.has(path)) throw corrupt(`${path} is in the manifest twice`);
    kinds.set(path, kind);
  }
  for (const entry of entries) {
    for (let above = posix.dirname(entry.path); above !== "."; above = posix.dirname(above)) {
      const kind = kinds.get(above);
      if (kind === "file" || kind === "link") throw corrupt(`${entry.path} lies below ${above}, a ${kind}`);
    }
    if (entry.kind !== "link") continue;
    const target = posix.join(posix.dirname(entry.path), entry.target);
    if (
      posix.isAbsolute(entry.target) ||
      entry.target.includes("\0") ||
      target === ".." ||
      target.startsWith("../")
    )
      throw corrupt(`link ${entry.path} leads out of the tree, to ${entry.target}`);
  }
}

export function isSafePath(path: string): boolean {
  if (path === "" || Buffer.byteLength(path) > pathBytesMax || /[\0\\]/.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
