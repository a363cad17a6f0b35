import {
  diffManifests,
  type KeyOpener,
  loadIndex,
  type ManifestBody,
  openChunks,
  type Repository,
  readRange,
} from "@locum/snapshot/repository";
import type { Shown } from "./repository-jobs.ts";

const filesMax = 10_000;
const changesMax = 1000;

/** What a snapshot holds, and what changed since another. Parts of it, where there is more than an answer may have. */
export async function showSnapshot(
  repository: Repository,
  {
    body: { files },
    against,
    opener,
  }: { body: ManifestBody; against: ManifestBody | undefined; opener: KeyOpener },
): Promise<Shown> {
  const changes = against ? await changesOf(repository, { before: against.files, after: files, opener }) : [];
  return {
    files: files.slice(0, filesMax).map((entry) => ({
      path: entry.path,
      kind: entry.kind,
      bytes: entry.kind === "file" ? entry.size : 0,
      sha256: entry.kind === "file" ? (entry.sha256 ?? null) : null,
      blake3: entry.kind === "file" ? (entry.blake3 ?? null) : null,
      tensors: entry.kind === "file" ? entry.tensors.length : 0,
    })),
    filesLeftOut: Math.max(0, files.length - filesMax),
    changes: changes.slice(0, changesMax).map(({ path, change, bytes, newChunks, tensors }) => ({
      path,
      change,
      bytes: [...bytes],
      newChunks,
      tensors: tensors.slice(0, changesMax).map((tensor) => ({ ...tensor, shape: [...tensor.shape] })),
    })),
    changesLeftOut: Math.max(0, changes.length - changesMax),
  };
}

type Files = ManifestBody["files"];

async function changesOf(
  repository: Repository,
  { before, after, opener }: { before: Files; after: Files; opener: KeyOpener },
) {
  const loaded = await loadIndex(repository, { for: "reader", repair: false });
  const chunks = openChunks({ repository, loaded, opener });
  const range = (file: Parameters<typeof readRange>[1], start: number, length: number) =>
    readRange(chunks, file, { start, length });
  return diffManifests(before, after, { before: range, after: range });
}
