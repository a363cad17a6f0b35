import { limits } from "../limits.ts";
import { type Header, parseHeader } from "../pack/header.ts";
import type { Blob, BlobStore } from "../store/blob-store.ts";

/** A pack or a manifest, with the files that rotation published beside it. */
export type SealedBlob = Blob & { kind: "pack" | "manifest"; later: Blob[] };

const kinds = [
  {
    kind: "pack",
    folder: "packs/",
    pattern: /^(packs\/[0-9a-f]{2}\/[0-9a-f]{64}\.)(?:pk|[0-9a-f]{16}\.wk)$/,
  },
  { kind: "manifest", folder: "snaps/", pattern: /^(snaps\/[0-9A-Z]{26}\.)(?:sn|[0-9a-f]{16}\.wk)$/ },
] as const;

/** Packs, then manifests, by one listing of each: a manifest that a key opens later has packs that it opens. */
export async function listSealedFiles({ store }: { store: BlobStore }): Promise<SealedBlob[]> {
  const files: SealedBlob[] = [];
  for (const { kind, folder, pattern } of kinds) {
    const [found, later] = [new Map<string, Blob>(), new Map<string, Blob[]>()];
    for await (const blob of store.list(folder)) {
      const beside = pattern.exec(blob.name)?.[1];
      if (beside === undefined) continue;
      if (!blob.name.endsWith(".wk")) found.set(beside, blob);
      else later.set(beside, [...(later.get(beside) ?? []), blob]);
    }
    for (const [beside, blob] of found) files.push({ ...blob, kind, later: later.get(beside) ?? [] });
  }
  return files;
}

/** @throws Fault snapshot-missing · snapshot-corrupt */
export async function readSealedHeader(
  store: BlobStore,
  { name, bytes }: Pick<Blob, "name" | "bytes">,
): Promise<Header> {
  const start = await store.read(name, 0, Math.min(bytes, limits.header));
  return parseHeader(start, name.endsWith(".sn") ? "LSRM" : "LSRP");
}
