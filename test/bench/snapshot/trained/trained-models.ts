import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dtype, encodeFloats } from "../encode-floats.ts";
import { writeSafetensors } from "../write-safetensors.ts";
import type { Tensors } from "./language-model.ts";
import { corpora, readCorpus } from "./read-corpus.ts";
import { type Trained, type TrainingPlan, trainModels, type VersionName } from "./train-models.ts";

export type TrainedModels = Trained & {
  isCached: boolean;
  /** Folder of a version as a model server would have it, in that dtype. */
  write(folder: string, options: { version: VersionName; dtype: Dtype; note?: string }): Promise<string>;
};

/**
 * Trained once, and then kept in the system's temporary folder by everything that decides the weights: the plan, this
 * code, and the text that was learned.
 */
export async function openTrainedModels(plan: TrainingPlan): Promise<TrainedModels> {
  const place = join(tmpdir(), "locum-bench-models", await keyOf(plan));
  const isCached = existsSync(join(place, "trained.json"));
  if (!isCached) await train(plan, place);
  const trained: Trained = JSON.parse(await readFile(join(place, "trained.json"), "utf8"));
  return {
    ...trained,
    isCached,
    async write(folder, { version, dtype, note = "" }) {
      await mkdir(folder, { recursive: true });
      for (const model of ["language", "digits"] as const) {
        const tensors = await readTensors(join(place, `${version}-${model}`));
        const parts = Object.entries(tensors).flatMap(([name, { floats, shape }]) =>
          encodeFloats(dtype, floats, shape).map(({ suffix, bytes, ...rest }) => ({
            name: `${name}${suffix}`,
            ...rest,
            length: bytes.length,
            bytes: () => bytes,
          })),
        );
        // One file's metadata is edited, as a person would.
        const written = model === "language" ? note : "";
        await writeSafetensors(join(folder, `${model}.safetensors`), parts, written);
      }
      const config = { architecture: "ngrams-experts", dtype, ...plan.shape };
      await writeFile(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
      return folder;
    },
  };
}

async function train(plan: TrainingPlan, place: string): Promise<void> {
  const draft = `${place}.draft-${process.pid}`;
  await mkdir(draft, { recursive: true });
  try {
    const trained = await trainModels(plan, async (version, models) => {
      for (const [name, tensors] of Object.entries(models))
        await writeTensors(join(draft, `${version}-${name}`), tensors);
    });
    await writeFile(join(draft, "trained.json"), JSON.stringify(trained));
    await rm(place, { recursive: true, force: true });
    await rename(draft, place);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function writeTensors(path: string, tensors: Tensors): Promise<void> {
  const shapes = Object.entries(tensors).map(([name, { shape }]) => ({ name, shape }));
  const floats = Object.values(tensors).map(({ floats }) => bytesOf(floats));
  await writeFile(`${path}.json`, JSON.stringify(shapes));
  await writeFile(`${path}.f32`, Buffer.concat(floats));
}

async function readTensors(path: string): Promise<Tensors> {
  const shapes: { name: string; shape: number[] }[] = JSON.parse(await readFile(`${path}.json`, "utf8"));
  const bytes = await readFile(`${path}.f32`);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  let at = 0;
  return Object.fromEntries(
    shapes.map(({ name, shape }) => {
      const length = shape.reduce((product, each) => product * each, 1);
      at += length;
      return [name, { shape, floats: all.subarray(at - length, at) }];
    }),
  );
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

async function keyOf(plan: TrainingPlan): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(plan));
  const here = new URL(".", import.meta.url);
  for (const name of (await readdir(here)).sort())
    if (!name.includes(".test.")) hash.update(await readFile(new URL(name, here)));
  hash.update(await readFile(new URL("../numbers.ts", import.meta.url)));
  for (const name of Object.keys(corpora) as (keyof typeof corpora)[])
    hash.update(await readCorpus(name, plan.codeSymbols));
  return hash.digest("hex").slice(0, 16);
}
