import { createHash } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { join, posix } from "node:path";
import type { ManifestBody, ManifestFile, Stub } from "@locum/snapshot/repository";
import { checked, inDraft, type Read, refuseUsed } from "./export-tree.ts";
import { layerType } from "./layer-type.ts";

type Descriptor = { mediaType: string; digest: string; size: number; annotations?: Record<string, string> };

const types = {
  config: "application/vnd.cncf.model.config.v1+json",
  artifact: "application/vnd.cncf.model.manifest.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
} as const;

/**
 * A snapshot as an OCI image layout (image-spec 1.1) that holds one ModelPack artifact (github.com/modelpack/model-spec):
 * each file a raw layer with its path in `org.cncf.model.filepath`, so that layers are shared between versions. A link to
 * a file becomes that file once more; links to folders and empty folders have no place in it, and are given back.
 * @throws Fault conflict · snapshot-corrupt · disk-full · storage-failed
 */
export async function exportOci(
  { stub, entries }: { stub: Stub; entries: ManifestBody["files"] },
  target: string,
  read: Read,
): Promise<{ digest: string; leftOut: string[] }> {
  await refuseUsed(target);
  const found = asFiles(entries);
  const { leftOut } = found;
  let digest = "";
  await inDraft(target, async (draft) => {
    const files = await digested(found.files, read);
    const blobs = join(draft, "blobs", "sha256");
    await mkdir(blobs, { recursive: true });
    const written = new Set<string>();
    const layers: Descriptor[] = [];
    for (const file of files) {
      if (!written.has(file.sha256)) await writeBlob(join(blobs, file.sha256), checked(file, read));
      written.add(file.sha256);
      layers.push(layerOf(file));
    }
    const putJson = async (mediaType: string, value: unknown): Promise<Descriptor> => {
      const bytes = Buffer.from(JSON.stringify(value));
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      if (!written.has(sha256)) await writeBlob(join(blobs, sha256), [bytes]);
      written.add(sha256);
      return { mediaType, digest: `sha256:${sha256}`, size: bytes.length };
    };
    const config = await putJson(types.config, configOf(stub, files));
    const manifest = await putJson(types.manifest, {
      schemaVersion: 2,
      mediaType: types.manifest,
      artifactType: types.artifact,
      config,
      layers,
    });
    digest = manifest.digest;
    const annotations = { "org.opencontainers.image.ref.name": stub.id.toLowerCase() };
    const index = {
      schemaVersion: 2,
      mediaType: types.index,
      manifests: [{ ...manifest, artifactType: types.artifact, annotations }],
    };
    await writeBlob(join(draft, "index.json"), [Buffer.from(JSON.stringify(index))]);
    await writeBlob(join(draft, "oci-layout"), [Buffer.from('{"imageLayoutVersion":"1.0.0"}')]);
  });
  return { digest, leftOut };
}

type DigestedFile = ManifestFile & { sha256: string };

/** Layers are named by SHA-256: a file whose manifest has none is read for it first. */
async function digested(files: readonly ManifestFile[], read: Read): Promise<DigestedFile[]> {
  const found: DigestedFile[] = [];
  for (const file of files) found.push({ ...file, sha256: file.sha256 ?? (await sha256Of(read(file))) });
  return found;
}

async function sha256Of(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const digest = createHash("sha256");
  for await (const bytes of parts) digest.update(bytes);
  return digest.digest("hex");
}

/** Members as model-spec's FileMetadata has them; its type flag is tar's, as a number. */
function layerOf({ path, sha256, size, mode, mtimeNs }: DigestedFile): Descriptor {
  const mtime = new Date(Number(BigInt(mtimeNs) / 1_000_000n)).toISOString();
  const metadata = {
    name: posix.basename(path),
    mode: mode & 0o777,
    uid: 0,
    gid: 0,
    size,
    mtime,
    typeflag: 48,
  };
  return {
    mediaType: layerType(path),
    digest: `sha256:${sha256}`,
    size,
    annotations: {
      "org.cncf.model.filepath": path,
      "org.cncf.model.file.metadata+json": JSON.stringify(metadata),
    },
  };
}

function configOf({ id, model, capturedAt }: Stub, files: readonly DigestedFile[]) {
  const dtypes = new Set(files.flatMap(({ tensors }) => tensors.map(({ dtype }) => dtype)));
  const formats = new Set(files.flatMap(({ tensors, parser }) => (tensors.length > 0 ? [parser] : [])));
  const [format, ...others] = formats;
  return {
    descriptor: { createdAt: capturedAt, name: model, version: id },
    config: {
      ...(format && others.length === 0 && { format }),
      ...(dtypes.size > 0 && { precision: dtypes.size === 1 ? [...dtypes][0] : "mixed" }),
    },
    modelfs: { type: "layers", diffIds: files.map(({ sha256 }) => `sha256:${sha256}`) },
  };
}

function asFiles(entries: ManifestBody["files"]): { files: ManifestFile[]; leftOut: string[] } {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const leftOut: string[] = [];
  const files = entries
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .flatMap((entry): ManifestFile[] => {
      if (entry.kind === "file") return [entry];
      if (entry.kind === "dir") return [];
      let found = byPath.get(entry.path);
      // A chain longer than this is a cycle.
      for (let hops = 0; found?.kind === "link" && hops < 40; hops++)
        found = byPath.get(posix.join(posix.dirname(found.path), found.target));
      if (found?.kind === "file") return [{ ...found, path: entry.path }];
      leftOut.push(entry.path);
      return [];
    });
  return { files, leftOut };
}

async function writeBlob(
  path: string,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  await using handle = await open(path, "wx", 0o644);
  for await (const bytes of parts) await handle.write(bytes);
  await handle.sync();
}
