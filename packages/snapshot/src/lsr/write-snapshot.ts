import type { KeyObject } from "node:crypto";
import { Fault } from "@locum/contracts";
import type { ByteSource } from "./byte-source.ts";
import type { Capture, Settled } from "./capture/capture.ts";
import { gearTable } from "./chunk/gear.ts";
import { mapTensors } from "./chunk/map-tensors.ts";
import type { ManifestBody, ManifestFile } from "./manifest/manifest-body.ts";
import { signModel } from "./manifest/model-signature.ts";
import { type ManifestInput, sealManifest } from "./manifest/seal-manifest.ts";
import type { RepositoryWriter } from "./pack/pack-writer.ts";
import { createAloneWriter } from "./pipeline/alone-writer.ts";
import type { FileWriter } from "./pipeline/file-writer.ts";
import type { DigestName } from "./pipeline/job.ts";
import { createPooledWriter } from "./pipeline/pooled-writer.ts";
import type { SnapshotPool } from "./pipeline/snapshot-pool.ts";

export type SnapshotFile = { path: string; mode: number; mtimeNs: bigint; source: ByteSource };
export type ChunkPlace = { path: string; start: number; length: number };

export type SnapshotInput = {
  stub: ManifestInput["stub"];
  files: readonly SnapshotFile[];
  /** Folders and links, as they go into the manifest. */
  others?: ManifestBody["files"];
  state?: ManifestBody["state"];
  /** For files that others may write to: asked when they are read, and what it says goes into the manifest. */
  settle?: Capture["settle"];
  signer?: KeyObject;
  /**
   * Of every file, in the manifest: SHA-256 by default, as other tools and model signing want it; BLAKE3 takes a quarter
   * of its time, and cannot be signed. Chunks are named by keyed BLAKE3 in any case, which is what a restore compares.
   */
  digest?: DigestName;
  /** Chunks that the repository has, by their id in hex; those that are written are added. */
  known: Pick<Set<string>, "has" | "add">;
  /** The bytes in that place of an older snapshot, to store a difference against; only chunks that are no deltas. */
  base?: (place: ChunkPlace) => Promise<Uint8Array | undefined>;
  /** Whether the repository has a chunk of that id that is no delta; without it, all that `base` gives are such. */
  isBase?: (chunkId: Uint8Array) => boolean;
  /** Threads for hashing, encoding and encryption. Without, all of it is done on the caller's. */
  pool?: SnapshotPool;
  /** With the new packs, which are durable: the last moment at which nothing is committed. What it throws ends it. */
  beforeManifest?: (packs: readonly string[]) => Promise<void>;
};

/**
 * Files into packs, then the manifest, which is the commit: before it is durable nothing refers to the packs. Reads
 * every file once, apart from samples; which of them changed meanwhile is for `settle` to know, and those it reads again. `isNew` is false where a
 * snapshot of that id is there: it stays as it is.
 * @throws Fault disk-full · storage-failed · refused · snapshot-corrupt: a pack did not read back · usage: a digest that
 *   cannot be signed
 */
export async function writeSnapshot(
  {
    stub,
    files,
    others = [],
    state = {},
    settle,
    signer,
    digest = "sha256",
    known,
    base,
    isBase,
    pool,
    beforeManifest,
  }: SnapshotInput,
  writer: RepositoryWriter,
): Promise<{ packs: string[]; bytes: number; isNew: boolean; torn: boolean }> {
  if (signer && digest !== "sha256")
    throw new Fault("usage", "a signature by OpenSSF model signing is over SHA-256 digests", {
      hint: "Sign without --digest blake3, or take the snapshot without a signer.",
    });
  const table = gearTable(writer.idKey, writer.repositoryId);
  const fileInput = { writer, table, known, digest, ...(base && { base }), ...(isBase && { isBase }) };
  const fileWriter = pool ? createPooledWriter(fileInput, pool) : createAloneWriter(fileInput);
  const { read, ...result } = await store(files, fileWriter, settle);
  const entries = read.entries;
  const bundle = signer ? signModel({ model: stub.model, files: entries, key: signer }) : null;
  const left = read.left.length > 0 ? { left: read.left.map((one) => ({ ...one })) } : {};
  const body = { files: [...others, ...read.others, ...entries], state: { ...state, ...left }, bundle };
  const torn = stub.torn || read.torn;
  const manifest = sealManifest({ stub: { ...stub, torn }, body, ...(signer && { signer }) }, writer);
  await beforeManifest?.(result.packs);
  const isNew = await writer.store.create(`snaps/${stub.id}.sn`, [manifest]);
  return { ...result, isNew, torn };
}

type Read = Omit<Settled, "again" | "whole"> & { entries: ManifestFile[] };

async function store(
  files: readonly SnapshotFile[],
  writer: FileWriter,
  settle: SnapshotInput["settle"],
): Promise<{ read: Read; packs: string[]; bytes: number }> {
  try {
    const read = await readSettled(files, writer, settle);
    return { read, ...(await writer.finish()) };
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** Reads all files, and those again that changed under it, until they stand. */
async function readSettled(
  files: readonly SnapshotFile[],
  writer: FileWriter,
  settle: SnapshotInput["settle"],
): Promise<Read> {
  const entries = new Map<string, ManifestFile>();
  for (let todo = files; ; ) {
    const maps = await mapTensors(todo);
    for (const file of todo) {
      const map = maps.get(file.path) ?? { parser: "content", tensors: [] };
      const entry = await writer.write(file, map).catch((error: unknown) => {
        if (settle && error instanceof Fault && error.code === "tree-changed") return undefined;
        throw error;
      });
      if (entry) entries.set(file.path, entry);
    }
    const next = await settle?.();
    if (!next) return { entries: [...entries.values()], others: [], left: [], torn: false };
    if ("whole" in next) {
      const whole = [...entries.values()].filter(({ path }) => next.whole.has(path));
      return { entries: whole, others: next.others, left: next.left, torn: next.torn };
    }
    todo = next.again;
  }
}
