import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { nodeFs } from "../../fs.ts";
import { bytesSource, pathSource } from "../byte-source.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { referenceHash } from "../testing/blake3-reference.ts";
import { writeParityVectors } from "../testing/write-parity-vectors.ts";
import { encodeParity } from "./encode-parity.ts";
import { parityPath } from "./parity-path.ts";
import { parseParity } from "./parse-parity.ts";
import { repairPack } from "./repair-pack.ts";

const fixtures = fileURLToPath(new URL("../../../../../test/fixtures/lsr/", import.meta.url));

type Vector = {
  pack: string;
  file: string;
  k: number;
  m: 1 | 2;
  blockBytes: number;
  /** Blocks of the pack that parity gives back at once. */
  lost: number[];
};

// Not with the documents' LOCUM_UPDATE=1: parity files of this version exist, so vectors are added, not replaced.
if (process.env.LOCUM_UPDATE === "lsr-parity") await writeParityVectors(fixtures);

describe("the committed parity", async () => {
  const vectors: Vector[] = JSON.parse(await readFile(join(fixtures, "parity/vectors.json"), "utf8"));

  test.for(vectors)("$file is still what the code makes, and repairs its pack", async (vector) => {
    const { pack: packId, file, lost, ...shape } = vector;
    const path = join(fixtures, "repository", parityPath(packId).replace(/pr$/, "pk"));
    const pack = await readFile(path);
    const committed = await readFile(join(fixtures, "parity", file));
    const parts = await encodeParity(await pathSource(nodeFs, path), { packId, hash: nativeHash, ...shape });
    expect(Buffer.compare(Buffer.concat(parts), committed)).toBe(0);
    const damaged = Buffer.from(pack);
    for (const n of lost) damaged.fill(0x55, n * shape.blockBytes, (n + 1) * shape.blockBytes);
    // By the slow hash: nothing here depends on what made the file.
    const parity = await parseParity(bytesSource(committed), referenceHash);
    const repaired = await repairPack(bytesSource(damaged), parity, { packId, hash: nativeHash });
    expect(repaired.damage.data).toEqual(lost);
    expect(Buffer.compare(Buffer.concat(repaired.parts), pack)).toBe(0);
  });
});
