import { createHash } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tarOf } from "./tar.mjs";

const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  empty: "application/vnd.oci.empty.v1+json",
};
const sha256 = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const blobOf = (mediaType, bytes) => ({ mediaType, digest: sha256(bytes), size: bytes.length, bytes });

/** One layer of an image: what is unpacked (`diffId`) and what is stored, both under their hashes. */
export async function layerOf(entries, { epoch, comment }) {
  const tar = Buffer.concat(await Array.fromAsync(tarOf(entries, { mtime: epoch })));
  const packed = gzipSync(tar, { level: 9 });
  // The header names the system that packed, which is none of the content. The time stamp in it is zero already.
  packed[9] = 255;
  return { ...blobOf(types.layer, packed), diffId: sha256(tar), comment };
}

/**
 * Writes an image in the OCI image layout 1.0, as podman, skopeo, umoci and crane read it, without an engine. Gives the
 * digest of its manifest. `attached` are documents about it (a bill of materials), found by their `subject`.
 * @param {{ dir: string, layers: object[], config: object, platform: object, tag: string, epoch: number,
 *   attached?: { type: string, bytes: Buffer }[] }} image
 */
export async function writeOciLayout({ dir, layers, config, platform, tag, epoch, attached = [] }) {
  const created = new Date(epoch * 1000).toISOString();
  const settings = jsonBlob(types.config, {
    created,
    ...platform,
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ comment }) => ({ created, created_by: comment })),
  });
  const manifest = jsonBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: named(settings),
    layers: layers.map(named),
    annotations: config.Labels,
  });
  const empty = jsonBlob(types.empty, {});
  const documents = attached.map(({ type, bytes }) => {
    const content = blobOf(type, bytes);
    const about = jsonBlob(types.manifest, {
      schemaVersion: 2,
      mediaType: types.manifest,
      artifactType: type,
      config: named(empty),
      layers: [named(content)],
      subject: named(manifest),
    });
    return { content, about, artifactType: type };
  });
  const index = jsonBlob(types.index, {
    schemaVersion: 2,
    mediaType: types.index,
    manifests: [
      { ...named(manifest), platform, annotations: { "org.opencontainers.image.ref.name": tag } },
      ...documents.map(({ about, artifactType }) => ({ ...named(about), artifactType })),
    ],
  });
  const blobs = [
    settings,
    manifest,
    ...layers,
    ...documents.flatMap(({ content, about }) => [content, about]),
  ];
  await rm(dir, { recursive: true, force: true });
  await mkdir(join(dir, "blobs/sha256"), { recursive: true });
  for (const { digest, bytes } of documents.length > 0 ? [...blobs, empty] : blobs)
    await writeFile(join(dir, "blobs/sha256", digest.slice(7)), bytes);
  await writeFile(join(dir, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(dir, "index.json"), index.bytes);
  return { digest: manifest.digest, bytes: layers.reduce((sum, { size }) => sum + size, 0) };
}

/** The layout as one file, for `podman load` and `ctr image import`. */
export async function archiveOf(dir, { epoch }) {
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((file) =>
    file.isFile(),
  );
  const entries = files.map(({ parentPath, name }) => {
    const file = join(parentPath, name);
    return { path: file.slice(dir.length + 1), mode: 0o644, file };
  });
  return tarOf(entries, { mtime: epoch });
}

const jsonBlob = (type, value) => blobOf(type, Buffer.from(JSON.stringify(value)));
const named = ({ mediaType, digest, size }) => ({ mediaType, digest, size });
