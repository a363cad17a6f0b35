import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { EvidenceView } from "@locum/contracts/client";

const filesMax = 10_000;

/** Signed reports in the collector's evidence folder, newest first. */
export async function listEvidence(folder: string): Promise<EvidenceView[]> {
  const names = await readdir(folder).catch(() => []);
  const shown = names
    .filter((name) => /\.(json|html)$/.test(name) && !name.startsWith("."))
    .slice(0, filesMax);
  const found = await Promise.all(
    shown.map(async (name) => {
      const entry = await stat(join(folder, name)).catch(() => null);
      return entry?.isFile() ? [{ name, bytes: entry.size, modifiedAtMs: Math.round(entry.mtimeMs) }] : [];
    }),
  );
  return found.flat().sort((a, b) => b.modifiedAtMs - a.modifiedAtMs);
}
