import { createHash } from "node:crypto";
import { join } from "node:path";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { encodeChunkRefs, type ManifestBody, type ManifestFile } from "../manifest/manifest-body.ts";
import type { Manifest } from "../manifest/open-manifest.ts";
import { planRestore, type RestorePlanInput } from "../restore/plan-restore.ts";
import { type RestoreSnapshotOptions, restoreSnapshot } from "../restore/restore-snapshot.ts";
import type { RestoreSource } from "../restore/restore-source.ts";
import { treeNames } from "../restore/tree-names.ts";
import { sealing, seededBytes } from "./rig.ts";

export const to = "/srv/model";
export const id = "01KE0000000000000000000000";
/** Small, so that a few kilobytes are a file of many chunks. */
const chunkBytes = 1000;

export const chunkIdOf = (bytes: Uint8Array): Uint8Array => nativeHash.keyed(sealing.idKey, bytes);

function chunksOf(bytes: Uint8Array): Uint8Array[] {
  const count = Math.ceil(bytes.length / chunkBytes);
  return Array.from({ length: count }, (_, n) => bytes.subarray(n * chunkBytes, (n + 1) * chunkBytes));
}

export function fileEntry(path: string, bytes: Uint8Array, mode = 0o644): ManifestFile {
  const refs = chunksOf(bytes).map((chunk) => ({ chunkId: chunkIdOf(chunk), plainLength: chunk.length }));
  return {
    path,
    kind: "file",
    mode,
    mtimeNs: "1700000000123456000",
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    parser: "bytes",
    chunks: encodeChunkRefs(refs),
    tensors: [],
  };
}

export const modelFiles: Record<string, Uint8Array> = {
  "1/model.onnx": seededBytes(51)(4500),
  "1/empty": new Uint8Array(),
  "config.pbtxt": Buffer.from("platform: onnx"),
};

/** A snapshot of `modelFiles`, a folder without files and a link. */
export function manifestOf(
  files: Record<string, Uint8Array> = modelFiles,
  others: ManifestBody["files"] = [
    { path: "1", kind: "dir", mode: 0o750 },
    { path: "cache", kind: "dir", mode: 0o700 },
    { path: "latest", kind: "link", target: "1/model.onnx" },
  ],
): Manifest {
  const entries = Object.entries(files).map(([path, bytes]) => fileEntry(path, bytes));
  const stub: Manifest["stub"] = {
    format: "LSR/1",
    id,
    model: "digits",
    capturedAt: "2026-01-02T03:04:05.000Z",
    bytes: 0,
    files: entries.length,
    parent: null,
    torn: false,
    signer: null,
  };
  return { stub, body: { files: [...others, ...entries], state: {}, bundle: null }, idKey: sealing.idKey };
}

/** Has every chunk of the files, and counts how often it was asked. */
export function memorySource(
  name: string,
  files: Record<string, Uint8Array> = modelFiles,
): RestoreSource & { asked: string[] } {
  const chunks = new Map(
    Object.values(files)
      .flatMap(chunksOf)
      .map((chunk) => [hexOf(chunkIdOf(chunk)), chunk] as const),
  );
  const asked: string[] = [];
  return {
    name,
    asked,
    has: (chunkId) => chunks.has(hexOf(chunkId)),
    async read(chunkId) {
      asked.push(hexOf(chunkId));
      return chunks.get(hexOf(chunkId));
    },
  };
}

type Once = Partial<RestorePlanInput> & { run?: Partial<RestoreSnapshotOptions>; fs: Fs };
let seeds = 9000;

/** Plan and restore, as a caller does it. */
export async function restoreOnce({ run, ...input }: Once) {
  const plan = await planRestore({
    repository: { hash: nativeHash },
    manifest: manifestOf(),
    to,
    sources: [memorySource("repository")],
    ...input,
  });
  return restoreSnapshot({ ...plan, fs: input.fs, random: seededBytes(++seeds), ...run });
}

/** Every name below a folder, with what it is. */
export async function lookAt(fs: Fs, root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { path, stat } of treeNames(fs, root)) {
    if (stat.kind === "link") found[path] = `link ${await fs.readlink(join(root, path))}`;
    else if (stat.kind === "dir") found[path] = `dir ${stat.mode.toString(8)}`;
    else
      found[path] = `file ${stat.mode.toString(8)} ${stat.mtimeNs} ${await sha256Of(fs, join(root, path))}`;
  }
  return found;
}

export async function putFiles(fs: Fs, root: string, files: Record<string, Uint8Array>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    await makeDirs(fs, join(root, path, ".."));
    const handle = await fs.open(join(root, path), "wx", 0o644);
    await handle.write(bytes, 0);
    await handle.sync();
    await handle.close();
  }
}

/** What `lookAt` finds of a whole `manifestOf`. */
export function wholeTree(manifest: Manifest = manifestOf()): Record<string, string> {
  return Object.fromEntries(
    manifest.body.files.map((entry) => {
      if (entry.kind === "link") return [entry.path, `link ${entry.target}`];
      if (entry.kind === "dir") return [entry.path, `dir ${entry.mode.toString(8)}`];
      return [entry.path, `file ${entry.mode.toString(8)} ${entry.mtimeNs} ${entry.sha256}`];
    }),
  );
}

async function sha256Of(fs: Fs, path: string): Promise<string> {
  const handle = await fs.open(path, "r");
  try {
    const bytes = new Uint8Array((await handle.stat()).size);
    await handle.read(bytes, 0);
    return createHash("sha256").update(bytes).digest("hex");
  } finally {
    await handle.close();
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
