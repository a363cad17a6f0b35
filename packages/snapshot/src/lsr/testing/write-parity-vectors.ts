import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { nodeFs } from "../../fs.ts";
import { pathSource } from "../byte-source.ts";
import { encodeParity } from "../parity/encode-parity.ts";
import { referenceHash as hash } from "./blake3-reference.ts";

const shapes = [
  { k: 16, m: 1, blockBytes: 4096, lost: [7] },
  { k: 5, m: 2, blockBytes: 8192, lost: [1, 4] },
] as const;

/** Parity of the vectors' packs, with small blocks so that the files are small. */
export async function writeParityVectors(fixtures: string): Promise<void> {
  const folder = join(fixtures, "parity");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const packs = join(fixtures, "repository/packs");
  const vectors: object[] = [];
  const names = (await readdir(packs, { recursive: true })).filter((name) => name.endsWith(".pk")).sort();
  for (const [n, name] of names.entries())
    for (const { lost, ...shape } of shapes) {
      const packId = basename(name, ".pk");
      const file = `${n}-${shape.k}-${shape.m}.pr`;
      const parts = await encodeParity(await pathSource(nodeFs, join(packs, name)), {
        packId,
        hash,
        ...shape,
      });
      await writeFile(join(folder, file), parts);
      vectors.push({ pack: packId, file, ...shape, lost });
    }
  await writeFile(join(folder, "vectors.json"), `${JSON.stringify(vectors, null, 2)}\n`);
}
