import type { ByteSource } from "../byte-source.ts";
import type { Tensor } from "../chunk/tensor.ts";
import { sampleRanges } from "../codec/choose-plan.ts";
import type { Plan } from "../codec/encode-chunk.ts";
import { type ChunkRef, encodeChunkRefs } from "../manifest/manifest-body.ts";
import { ownBuffer } from "../release.ts";
import type { ChunkPlace, SnapshotFile } from "../write-snapshot.ts";
import { type FileWriter, type FileWriterInput, hexOf } from "./file-writer.ts";
import type { ResultOf } from "./job.ts";
import { createPooledPacks, type NewChunk } from "./pooled-packs.ts";
import { createRooms } from "./rooms.ts";
import type { SnapshotPool } from "./snapshot-pool.ts";
import { takeFile } from "./take-file.ts";
import { type Window, windowBytes } from "./tensor-windows.ts";

/** While one window is read, the others keep every thread busy. */
const windowsMax = 4;

/**
 * The same as the writer on one thread, on the pool's: this one only reads, asks which chunks are known, and writes. A
 * chunk's id comes before it is encoded, so that a known one costs no more than its hash.
 */
export function createPooledWriter(
  { writer, table, known, base, isBase, digest = "sha256" }: FileWriterInput,
  pool: SnapshotPool,
): FileWriter {
  const { idKey } = writer;
  const places = new Map<string, ChunkPlace>();
  const packs = createPooledPacks(writer, pool, async (id) => {
    const place = places.get(hexOf(id));
    return (place && (await base?.(place))) ?? new Uint8Array();
  });
  const windows = createRooms(windowsMax, windowBytes);
  const planOf = createPlans(pool);
  const storing = new Map<string, Promise<void>>();

  async function baseAt(place: ChunkPlace): Promise<NewChunk["base"]> {
    const bytes = await base?.(place);
    if (!bytes || bytes.length !== place.length) return null;
    const id = await pool.run("identify", { bytes, idKey });
    if (!(isBase?.(id) ?? true)) return null;
    places.set(hexOf(id), place);
    return { id, bytes };
  }

  async function store(
    { path, source }: SnapshotFile,
    {
      chunkId,
      bytes,
      start,
      tensor,
    }: { chunkId: Uint8Array; bytes: Uint8Array; start: number; tensor: Tensor | undefined },
  ): Promise<void> {
    const id = hexOf(chunkId);
    if (known.has(id)) return;
    const begun = storing.get(id);
    if (begun) return begun;
    const work = (async () => {
      const plan = tensor ? await planOf(source, tensor) : null;
      const against = base ? await baseAt({ path, start, length: bytes.length }) : null;
      await packs.add({ chunkId, bytes, plan, base: against });
      known.add(id);
    })();
    storing.set(id, work);
    await work.finally(() => storing.delete(id));
  }

  /** What is new of a window. One after another where there are bases, which take memory of their own. */
  async function storeAll(
    file: SnapshotFile,
    window: Window,
    room: Uint8Array,
    { ids, lengths }: ResultOf<"take">,
  ) {
    let at = 0;
    const chunks = lengths.map((length, n) => {
      const bytes = room.subarray(at, at + length);
      const chunk = {
        chunkId: ids.slice(32 * n, 32 * n + 32),
        bytes,
        start: window.start + at,
        tensor: window.pieces?.[n]?.tensor,
      };
      at += length;
      return chunk;
    });
    if (base) for (const chunk of chunks) await store(file, chunk);
    else await allOf(chunks.map((chunk) => store(file, chunk)));
  }

  return {
    async write(file, { parser, tensors }) {
      const { path, mode, mtimeNs, source } = file;
      const refs: ChunkRef[] = [];
      const found = await takeFile({
        source,
        tensors,
        table,
        idKey,
        digest,
        pool,
        windows,
        async onTaken(window, bytes, taken) {
          for (const [n, plainLength] of taken.lengths.entries())
            refs.push({ chunkId: taken.ids.slice(32 * n, 32 * n + 32), plainLength });
          await storeAll(file, window, bytes, taken);
        },
      });
      const about = { path, kind: "file", mode, mtimeNs: String(mtimeNs), size: source.size } as const;
      return { ...about, [digest]: found, parser, chunks: encodeChunkRefs(refs), tensors };
    },
    finish: () => packs.finish(),
    abandon: () => packs.abandon(),
  };
}

/** A tensor's plan is made once, from samples of it. */
function createPlans(pool: SnapshotPool): (source: ByteSource, tensor: Tensor) => Promise<Plan> {
  const plans = new WeakMap<Tensor, Promise<Plan>>();
  async function make(source: ByteSource, tensor: Tensor): Promise<Plan> {
    const samples: Uint8Array[] = [];
    for (const { start, length } of sampleRanges(tensor.length))
      samples.push(await source.read(tensor.start + start, length));
    return pool.run("plan", { samples, dtype: tensor.dtype }, undefined, samples.flatMap(ownBuffer));
  }
  return (source, tensor) => {
    const plan = plans.get(tensor) ?? make(source, tensor);
    plans.set(tensor, plan);
    return plan;
  };
}

/** None goes on when this ends, whether it ends well or with the first fault. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work))
    if (outcome.status === "rejected") throw outcome.reason;
}
