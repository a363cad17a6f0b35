import { createHash } from "node:crypto";
import type { ByteSource } from "../byte-source.ts";
import { chunkFile } from "../chunk/chunk-file.ts";
import type { Tensor } from "../chunk/tensor.ts";
import { choosePlan, sampleRanges } from "../codec/choose-plan.ts";
import { codecId } from "../codec/codec-id.ts";
import { encodeChunk, type Plan } from "../codec/encode-chunk.ts";
import { type ChunkRef, encodeChunkRefs } from "../manifest/manifest-body.ts";
import { createPackWriter } from "../pack/pack-writer.ts";
import type { ChunkPlace } from "../write-snapshot.ts";
import { type FileWriter, type FileWriterInput, hexOf } from "./file-writer.ts";

/** One chunk after another on the caller's thread: the slow reference, and the one for small machines. */
export function createAloneWriter({
  writer,
  table,
  known,
  base,
  isBase,
  digest: name = "sha256",
}: FileWriterInput): FileWriter {
  const places = new Map<string, ChunkPlace>();
  const packs = createPackWriter(writer, async (id) => {
    const place = places.get(hexOf(id));
    return (place && (await base?.(place))) ?? new Uint8Array();
  });

  async function store(chunkId: Uint8Array, bytes: Uint8Array, plan: Plan, place: ChunkPlace): Promise<void> {
    const found = await base?.(place);
    const baseId = found && writer.hash.keyed(writer.idKey, found);
    const baseBytes = baseId && (isBase?.(baseId) ?? true) ? found : undefined;
    const { codec, bytes: encoded } = encodeChunk(bytes, plan, baseBytes);
    // A raw chunk is a view of the reader's buffer, which is used again before the pack is written.
    const own = codec === codecId.raw ? encoded.slice() : encoded;
    const record = { chunkId, codec, bytes: own, plainLength: bytes.length };
    if (codec === codecId.delta && baseId) {
      places.set(hexOf(baseId), place);
      await packs.add({ ...record, base: baseId });
    } else await packs.add(record);
  }

  return {
    async write({ path, mode, mtimeNs, source }, { parser, tensors }) {
      const refs: ChunkRef[] = [];
      const digest = name === "blake3" ? writer.hash.hasher() : createHash("sha256");
      let planned: { tensor: Tensor | undefined; plan: Plan } | undefined;
      for await (const { start, bytes, tensor } of chunkFile(source, { tensors, table })) {
        digest.update(bytes);
        const chunkId = writer.hash.keyed(writer.idKey, bytes);
        refs.push({ chunkId, plainLength: bytes.length });
        const id = hexOf(chunkId);
        if (known.has(id)) continue;
        if (!tensor || planned?.tensor !== tensor)
          planned = { tensor, plan: await planFor(source, bytes, tensor) };
        await store(chunkId, bytes, planned.plan, { path, start, length: bytes.length });
        known.add(id);
      }
      const [found, chunks] = [hexOf(digest.digest()), encodeChunkRefs(refs)];
      const about = { path, kind: "file", mode, mtimeNs: String(mtimeNs), size: source.size } as const;
      return { ...about, [name]: found, parser, chunks, tensors };
    },
    finish: () => packs.finish(),
    // Nothing goes on by itself here.
    abandon: async () => {},
  };
}

async function planFor(source: ByteSource, bytes: Uint8Array, tensor: Tensor | undefined): Promise<Plan> {
  if (!tensor) return choosePlan([bytes.subarray(0, 64 << 10)], "bytes");
  const samples: Uint8Array[] = [];
  for (const { start, length } of sampleRanges(tensor.length))
    samples.push(await source.read(tensor.start + start, length));
  return choosePlan(samples, tensor.dtype);
}
