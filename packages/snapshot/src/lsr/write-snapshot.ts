import { createHash, type KeyObject } from "node:crypto";
import { Fault } from "@locum/contracts";
import type { ByteSource } from "./byte-source.ts";
import type { Capture, Settled } from "./capture/capture.ts";
import { chunkFile } from "./chunk/chunk-file.ts";
import { gearTable } from "./chunk/gear.ts";
import { type FileTensors, mapTensors } from "./chunk/map-tensors.ts";
import type { Tensor } from "./chunk/tensor.ts";
import { choosePlan, sampleRanges } from "./codec/choose-plan.ts";
import { codecId } from "./codec/codec-id.ts";
import { encodeChunk, type Plan } from "./codec/encode-chunk.ts";
import {
  type ChunkRef,
  encodeChunkRefs,
  type ManifestBody,
  type ManifestFile,
} from "./manifest/manifest-body.ts";
import { signModel } from "./manifest/model-signature.ts";
import { type ManifestInput, sealManifest } from "./manifest/seal-manifest.ts";
import { createPackWriter, type PackWriter, type RepositoryWriter } from "./pack/pack-writer.ts";

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
  /** Chunks that the repository has, by their id in hex; those that are written are added. */
  known: Pick<Set<string>, "has" | "add">;
  /** The bytes in that place of an older snapshot, to store a difference against; only chunks that are no deltas. */
  base?: (place: ChunkPlace) => Promise<Uint8Array | undefined>;
  /** With the new packs, which are durable: the last moment at which nothing is committed. What it throws ends it. */
  beforeManifest?: (packs: readonly string[]) => Promise<void>;
};

/**
 * Files into packs, then the manifest, which is the commit: before it is durable nothing refers to the packs. Reads
 * every file once, apart from samples; which of them changed meanwhile is for `settle` to know, and those it reads again. `isNew` is false where a
 * snapshot of that id is there: it stays as it is.
 * @throws Fault disk-full · storage-failed · refused · snapshot-corrupt: a pack did not read back
 */
export async function writeSnapshot(
  { stub, files, others = [], state = {}, settle, signer, known, base, beforeManifest }: SnapshotInput,
  writer: RepositoryWriter,
): Promise<{ packs: string[]; bytes: number; isNew: boolean; torn: boolean }> {
  const places = new Map<string, ChunkPlace>();
  const packs = createPackWriter(writer, async (id) => {
    const place = places.get(hexOf(id));
    return (place && (await base?.(place))) ?? new Uint8Array();
  });
  const table = gearTable(writer.idKey, writer.repositoryId);
  const run = { writer, packs, table, known, places, ...(base && { base }) };
  const read = await readSettled(files, run, settle);
  const result = await packs.finish();
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

type Run = Pick<SnapshotInput, "known" | "base"> & {
  writer: RepositoryWriter;
  packs: PackWriter;
  table: Uint32Array;
  places: Map<string, ChunkPlace>;
};

type Read = Omit<Settled, "again" | "whole"> & { entries: ManifestFile[] };

/** Reads all files, and those again that changed under it, until they stand. */
async function readSettled(
  files: readonly SnapshotFile[],
  run: Run,
  settle: SnapshotInput["settle"],
): Promise<Read> {
  const entries = new Map<string, ManifestFile>();
  for (let todo = files; ; ) {
    const maps = await mapTensors(todo);
    for (const file of todo) {
      const map = maps.get(file.path) ?? { parser: "content", tensors: [] };
      const entry = await writeFile(file, map, run).catch((error: unknown) => {
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

async function writeFile(
  { path, mode, mtimeNs, source }: SnapshotFile,
  { parser, tensors }: FileTensors,
  run: Run,
): Promise<ManifestFile> {
  const refs: ChunkRef[] = [];
  const digest = createHash("sha256");
  let planned: { tensor: Tensor | undefined; plan: Plan } | undefined;
  for await (const { start, bytes, tensor } of chunkFile(source, { tensors, table: run.table })) {
    digest.update(bytes);
    const chunkId = run.writer.hash.keyed(run.writer.idKey, bytes);
    refs.push({ chunkId, plainLength: bytes.length });
    const id = hexOf(chunkId);
    if (run.known.has(id)) continue;
    if (!tensor || planned?.tensor !== tensor)
      planned = { tensor, plan: await planFor(source, bytes, tensor) };
    const place = { path, start, length: bytes.length };
    const baseBytes = await run.base?.(place);
    const { codec, bytes: encoded } = encodeChunk(bytes, planned.plan, baseBytes);
    // A raw chunk is a view of the reader's buffer, which is used again before the pack is written.
    const record = {
      chunkId,
      codec,
      bytes: codec === codecId.raw ? encoded.slice() : encoded,
      plainLength: bytes.length,
    };
    if (codec === codecId.delta && baseBytes) {
      const baseId = run.writer.hash.keyed(run.writer.idKey, baseBytes);
      run.places.set(hexOf(baseId), place);
      await run.packs.add({ ...record, base: baseId });
    } else await run.packs.add(record);
    run.known.add(id);
  }
  const sha256 = digest.digest("hex");
  const chunks = encodeChunkRefs(refs);
  return {
    path,
    kind: "file",
    mode,
    mtimeNs: String(mtimeNs),
    size: source.size,
    sha256,
    parser,
    chunks,
    tensors,
  };
}

async function planFor(source: ByteSource, bytes: Uint8Array, tensor: Tensor | undefined): Promise<Plan> {
  if (!tensor) return choosePlan([bytes.subarray(0, 64 << 10)], "bytes");
  const samples: Uint8Array[] = [];
  for (const { start, length } of sampleRanges(tensor.length))
    samples.push(await source.read(tensor.start + start, length));
  return choosePlan(samples, tensor.dtype);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
