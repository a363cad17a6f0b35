import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { type Dtype, encodeFloats } from "./encode-floats.ts";
import { normals, numbers } from "./numbers.ts";
import type { VersionName } from "./trained/train-models.ts";
import type { TrainedModels } from "./trained/trained-models.ts";
import { writeSafetensors } from "./write-safetensors.ts";

export type DataSet = {
  name: string;
  folder: string;
  /** The same model later, each version after the one before it: what was done, and where it is. */
  later?: { name: string; folder: string }[];
};

const rows = 1024;
const columns = 1024;

/** Seeded noise with the small scale of a wide layer, for sizes that no training reaches in a minute. */
export async function makeNoiseSets(
  root: string,
  { megabytes, isWanted }: { megabytes: number; isWanted: (name: string) => boolean },
): Promise<DataSet[]> {
  const sets: DataSet[] = [];
  for (const [name, dtype] of Object.entries(noiseKinds))
    if (isWanted(name)) sets.push({ name, folder: await writeNoise(join(root, name), { dtype, megabytes }) });
  const textMegabytes = Math.max(1, Math.round(megabytes / 4));
  if (isWanted("text"))
    sets.push({ name: "text", folder: await writeText(join(root, "text"), textMegabytes) });
  return sets;
}

const noiseKinds = { bf16: "BF16", fp32: "F32", fp16: "F16", quantised: "I8" } as const;

/** Models that were trained here, as each dtype; those that are served most as a series of versions. */
export async function makeTrainedSets(
  root: string,
  models: TrainedModels,
  isWanted: (name: string) => boolean,
): Promise<DataSet[]> {
  const sets: DataSet[] = [];
  for (const [kind, { dtype, laterVersions }] of Object.entries(trainedKinds)) {
    const name = `trained ${kind}`;
    if (!isWanted(name)) continue;
    const folder = (version: string): string => join(root, `${name} ${version}`.replaceAll(" ", "-"));
    const later = laterKinds.slice(0, laterVersions);
    sets.push({
      name,
      folder: await models.write(folder("base"), { version: "base", dtype }),
      later: await Promise.all(
        later.map(async ({ done, ...version }, n) => ({
          name: `${name}, ${done}`,
          folder: await models.write(folder(`version-${n + 2}`), { dtype, ...version }),
        })),
      ),
    });
  }
  return sets;
}

const laterKinds: readonly { done: string; version: VersionName; note: string }[] = [
  { done: "fine-tuned", version: "tuned", note: "" },
  { done: "LoRA merged", version: "merged", note: "" },
  { done: "metadata edited", version: "merged", note: "a longer note than before" },
];

const trainedKinds: Record<string, { dtype: Dtype; laterVersions: number }> = {
  bf16: { dtype: "BF16", laterVersions: 3 },
  fp32: { dtype: "F32", laterVersions: 1 },
  fp16: { dtype: "F16", laterVersions: 0 },
  int8: { dtype: "I8", laterVersions: 0 },
  q4: { dtype: "Q4", laterVersions: 0 },
};

export async function writeNoise(
  folder: string,
  { dtype, megabytes, seed = 7 }: { dtype: Dtype; megabytes: number; seed?: number },
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const bytes = rows * columns * elementBytes[dtype];
  const count = Math.max(1, Math.round((megabytes * 1e6) / bytes));
  const tensors = Array.from({ length: count }, (_, n) => ({
    name: `model.layers.${n}.weight`,
    dtype,
    shape: [rows, columns],
    length: bytes,
    bytes: () => noiseBytes(dtype, seed * 1000 + n),
  }));
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return folder;
}

const elementBytes: Record<Dtype, number> = { BF16: 2, F16: 2, F32: 4, I8: 1, Q4: 0 };

function noiseBytes(dtype: Dtype, seed: number): Uint8Array {
  const floats = new Float32Array(rows * columns);
  normals(floats, 0.02, numbers(seed));
  return encodeFloats(dtype, floats, [rows, columns])[0]?.bytes ?? new Uint8Array();
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
