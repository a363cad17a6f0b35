import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";

export type DataSet = {
  name: string;
  folder: string;
  /** The same model a version later, and what was done to it. */
  changed?: { name: string; folder: string }[];
};
type Dtype = "BF16" | "F16" | "F32" | "I8";
type Weights = { dtype: Dtype; megabytes: number; seed: number; note?: string; tuned?: boolean };

const rows = 1024;
const columns = 1024;

/**
 * Seeded weights, normal with the small scale of a wide layer. Nothing is downloaded. Real weights have structure that these lack: a ratio here is the ratio of noise.
 */
export async function makeDataSets(
  root: string,
  { megabytes, isWanted }: { megabytes: number; isWanted: (name: string) => boolean },
): Promise<DataSet[]> {
  const model = async (name: string, weights: Omit<Weights, "megabytes" | "seed">): Promise<string> => {
    const folder = join(root, name);
    await mkdir(folder, { recursive: true });
    await writeSafetensors(join(folder, "model.safetensors"), { megabytes, seed: 7, ...weights });
    return folder;
  };
  const sets: DataSet[] = [];
  if (isWanted("bf16"))
    sets.push({
      name: "bf16",
      folder: await model("bf16", { dtype: "BF16" }),
      changed: [
        { name: "bf16, fine-tuned", folder: await model("bf16-tuned", { dtype: "BF16", tuned: true }) },
        {
          name: "bf16, metadata edited",
          folder: await model("bf16-edited", { dtype: "BF16", note: "a longer note than before" }),
        },
      ],
    });
  for (const [name, dtype] of [
    ["fp32", "F32"],
    ["fp16", "F16"],
    ["quantised", "I8"],
  ] as const)
    if (isWanted(name)) sets.push({ name, folder: await model(name, { dtype }) });
  const textMegabytes = Math.max(1, Math.round(megabytes / 4));
  if (isWanted("text"))
    sets.push({ name: "text", folder: await writeText(join(root, "text"), textMegabytes) });
  return sets;
}

const elementBytes: Record<Dtype, number> = { BF16: 2, F16: 2, F32: 4, I8: 1 };

async function writeSafetensors(
  path: string,
  { dtype, megabytes, note = "", ...weights }: Weights,
): Promise<void> {
  const bytes = rows * columns * elementBytes[dtype];
  const count = Math.max(1, Math.round((megabytes * 1e6) / bytes));
  const tensors = Array.from({ length: count }, (_, n) => {
    const data_offsets = [n * bytes, (n + 1) * bytes];
    return [`model.layers.${n}.weight`, { dtype, shape: [rows, columns], data_offsets }];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: { note }, ...Object.fromEntries(tensors) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, "w");
  await file.writeFile(Buffer.concat([length, header]));
  for (let n = 0; n < count; n++) await file.writeFile(tensorBytes(dtype, { ...weights, index: n }));
  await file.close();
}

type Tensor = { seed: number; index: number; tuned?: boolean };

/** Three tensors of ten are touched by a fine-tune: four of ten of their values move by a step. */
function tensorBytes(dtype: Dtype, { seed, index, tuned = false }: Tensor): Uint8Array {
  const floats = floatsOf(seed * 1000 + index);
  if (tuned && index % 10 < 3) {
    const random = numbers(index + 1);
    for (let i = 0; i < floats.length; i++) if (random() < 0.4) floats[i] = (floats[i] ?? 0) * 1.006;
  }
  switch (dtype) {
    case "F32":
      return new Uint8Array(floats.buffer);
    case "F16":
      return new Uint8Array(Float16Array.from(floats).buffer);
    case "BF16":
      return new Uint8Array(Uint16Array.from(new Uint32Array(floats.buffer), (word) => word >>> 16).buffer);
    case "I8":
      // Blocks scaled to their largest value fill their range, as quantisers make them.
      return new Uint8Array(
        Int8Array.from(floats, (value, i) => Math.round(value * 1500 * (1 + (i & 31) / 32))).buffer,
      );
  }
}

const normals = normalTable(1 << 16);

function floatsOf(seed: number): Float32Array {
  const random = numbers(seed);
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < out.length; i++) out[i] = 0.02 * (normals[Math.floor(random() * normals.length)] ?? 0);
  return out;
}

function normalTable(size: number): Float32Array {
  const random = numbers(1);
  return Float32Array.from(
    { length: size },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

/** Mulberry32: the same numbers every time. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const words =
  "the model server answers a request with weights that were restored from a snapshot while its standby waits and every instance proves with goldens that it is right before traffic comes back".split(
    " ",
  );

/** A vocabulary, a log, a configuration: words, numbers and punctuation of a seed. */
async function writeText(folder: string, megabytes: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  const random = numbers(3);
  const line = (n: number): string => {
    const said = Array.from({ length: 12 }, () => words[Math.floor(random() * words.length)]).join(" ");
    return `${JSON.stringify({ id: n, score: random(), text: said })}\n`;
  };
  for (let n = 0; n < 4; n++) {
    const file = await open(join(folder, `part-${n}.jsonl`), "w");
    let written = 0;
    for (let at = 0; written < (megabytes * 1e6) / 4; at += 1000) {
      const text = Array.from({ length: 1000 }, (_, k) => line(at + k)).join("");
      await file.writeFile(text);
      written += text.length;
    }
    await file.close();
  }
  return folder;
}
