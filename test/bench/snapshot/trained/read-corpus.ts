import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../..", import.meta.url));

/** Texts of this repository, as symbols of the language model: what it learns from, and what else it may be shown. */
export const corpora = {
  code: { folders: ["packages", "apps"], ending: ".ts" },
  documents: { folders: ["docs", "deploy", "test"], ending: ".md" },
  settings: { folders: ["deploy"], ending: ".yaml" },
} as const;

export async function readCorpus(name: keyof typeof corpora, symbolsMax: number): Promise<Uint8Array> {
  const { folders, ending } = corpora[name];
  const parts: Buffer[] = [];
  let left = symbolsMax;
  for (const folder of folders)
    for (const path of (await readdir(join(root, folder), { recursive: true })).sort()) {
      if (!path.endsWith(ending) || path.includes("node_modules") || path.includes("dist/")) continue;
      if (left <= 0) break;
      const bytes = await readFile(join(root, folder, path));
      parts.push(bytes.subarray(0, left));
      left -= bytes.length;
    }
  return Uint8Array.from(Buffer.concat(parts), symbolOf);
}

/** Printable ASCII, line ends and tabs have symbols of their own, all else shares one. */
const symbolOf = (byte: number): number =>
  byte === 10 ? 1 : byte === 9 ? 2 : byte >= 32 && byte < 127 ? byte - 29 : 0;
