import { createHash, type Hash } from "node:crypto";
import { performance } from "node:perf_hooks";
import { Fault, treeChunkBytes } from "@locum/contracts";
import {
  type Chunks,
  chunkRefs,
  type KeyOpener,
  type LoadedIndex,
  type ManifestBody,
  type ManifestFile,
  openChunks,
  type Repository,
} from "@locum/snapshot/repository";
import type { Drilled, KnownRelease } from "./repository-jobs.ts";

/** So many chunks are asked for before the first is needed: the storage works while this thread decodes. */
const aheadMax = 8;

type Read = Pick<Drilled, "files" | "bytes" | "fetchMs" | "decodeMs" | "release">;

/**
 * A snapshot restored to nowhere: each chunk fetched, opened, decoded and compared with its id, each file with its
 * SHA-256. Nothing is believed that an index says of a chunk, and nothing is written.
 * @throws Fault snapshot-missing · snapshot-corrupt: which file, and why · not-authorised · upstream-unreachable · storage-failed
 */
export async function drillSnapshot(
  repository: Repository,
  {
    body,
    loaded,
    opener,
    releases,
  }: { body: ManifestBody; loaded: LoadedIndex; opener: KeyOpener; releases: readonly KnownRelease[] },
): Promise<Read> {
  const before = performance.eventLoopUtilization();
  const chunks = openChunks({ repository, loaded, opener });
  const files = body.files.flatMap((entry) => (entry.kind === "file" ? [entry] : []));
  const candidates = releases.filter((release) => hasSameFiles(release, files));
  const digests = new Map<string, string>();
  for (const file of files) {
    const digest = await readFile(chunks, file, {
      isOfTree: candidates.length > 0 && isOfTree(file),
      hash: repository.hash,
    });
    if (digest !== undefined) digests.set(file.path, digest);
  }
  // This thread either works, which is decoding, or has nothing to do until the storage answers.
  const { idle, active } = performance.eventLoopUtilization(before);
  return {
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    fetchMs: idle,
    decodeMs: active,
    release:
      candidates.find((release) => release.files.every(({ path, digest }) => digests.get(path) === digest))
        ?.digest ?? null,
  };
}

/** Its digest as a release's tree has it, where that is asked for. */
async function readFile(
  chunks: Chunks,
  file: ManifestFile,
  { isOfTree, hash }: { isOfTree: boolean; hash: Repository["hash"] },
): Promise<string | undefined> {
  // Where a manifest has no digest of a file, its chunks and their order are what it says of it.
  const whole = file.sha256 !== undefined ? createHash("sha256") : file.blake3 ? hash.hasher() : undefined;
  const tree = isOfTree ? treeHash() : undefined;
  try {
    for await (const bytes of inOrder(chunks, file)) {
      whole?.update(bytes);
      tree?.update(bytes);
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.code, `${file.path}: ${error.message}`, { cause: error });
  }
  const expected = file.sha256 ?? file.blake3;
  if (whole && Buffer.from(whole.digest()).toString("hex") !== expected)
    throw new Fault(
      "snapshot-corrupt",
      `${file.path}: its chunks are good, and are not the file that was captured`,
    );
  return tree?.digest();
}

async function* inOrder(chunks: Chunks, file: ManifestFile): AsyncGenerator<Uint8Array> {
  const asked: Promise<Uint8Array>[] = [];
  for (const { chunkId } of chunkRefs(file)) {
    const reading = chunks.read(chunkId);
    // Who is not waited for any more, after a failure before it, fails unheard.
    reading.catch(() => {});
    asked.push(reading);
    if (asked.length >= aheadMax) yield await (asked.shift() as Promise<Uint8Array>);
  }
  for (const reading of asked) yield await reading;
}

/** As `TreeFile.digest`: SHA-256 over the digests of each 8 MiB. */
function treeHash(): { update(bytes: Uint8Array): void; digest(): string } {
  const outer = createHash("sha256");
  let [inner, length]: [Hash, number] = [createHash("sha256"), 0];
  const close = (): void => {
    outer.update(inner.digest());
    [inner, length] = [createHash("sha256"), 0];
  };
  return {
    update(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + treeChunkBytes - length);
        inner.update(part);
        length += part.length;
        at += part.length;
        if (length === treeChunkBytes) close();
      }
    },
    digest() {
      if (length > 0) close();
      return outer.digest("hex");
    },
  };
}

/** Files that begin with a dot, or lie in such a folder, belong to no release. */
const isOfTree = ({ path }: Pick<ManifestFile, "path">): boolean =>
  path.split("/").every((part) => !part.startsWith("."));

function hasSameFiles(release: KnownRelease, files: readonly ManifestFile[]): boolean {
  const sizes = new Map(files.filter(isOfTree).map(({ path, size }) => [path, size]));
  return (
    release.files.length === sizes.size && release.files.every(({ path, size }) => sizes.get(path) === size)
  );
}
