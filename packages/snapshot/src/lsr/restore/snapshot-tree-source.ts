import { posix } from "node:path";
import { Fault, type Tree, type TreeFile, treeChunkBytes } from "@locum/contracts";
import { sha256 } from "../../hash-file.ts";
import type { Source } from "../../source.ts";
import { corrupt } from "../corrupt.ts";
import { type ChunkRef, chunkRefs, type ManifestBody, type ManifestFile } from "../manifest/manifest-body.ts";
import type { Chunks } from "../repository/open-chunks.ts";
import { eachAtOnce } from "./each-at-once.ts";

type Placed = ChunkRef & { start: number };

const linksMax = 40;
/** A reader that decodes on threads keeps them busy; more only costs memory. */
const atOnceMax = 8;

/**
 * A snapshot as the source of a release's tree, whose chunks are cut elsewhere than the repository's: each is put
 * together from those that it overlaps, and checked against the tree. What else the snapshot holds is not looked at.
 * @throws Fault snapshot-missing: it holds other files than the tree's, by paths and sizes
 */
export function snapshotTreeSource({
  tree,
  manifest: { files },
  chunks,
}: {
  tree: Tree;
  manifest: Pick<ManifestBody, "files">;
  chunks: Pick<Chunks, "read">;
}): Source {
  const entries = new Map(files.map((entry) => [entry.path, entry]));
  const placed = new Map<string, { entry: ManifestFile; refs: Placed[] }>();
  for (const file of tree.files) {
    const entry = follow(entries, file.path);
    if (!entry || entry.size !== file.size)
      throw new Fault("snapshot-missing", `the snapshot holds no ${file.path} of ${file.size} bytes`);
    placed.set(file.path, { entry, refs: placesOf(entry) });
  }

  return {
    tree,
    modeOf: (path) => placed.get(path)?.entry.mode,
    async readChunk(file, chunk, buffer) {
      const from = chunk * treeChunkBytes;
      const bytes = buffer.subarray(0, Math.min(treeChunkBytes, file.size - from));
      const wanted = overlapping(placed.get(file.path)?.refs ?? [], from, bytes.length);
      await eachAtOnce(wanted, { max: atOnceMax }, async ({ chunkId, start, plainLength }) => {
        const found = await chunks.read(chunkId);
        if (found.length !== plainLength) throw corrupt(`a chunk of ${file.path} has another length`);
        const begin = Math.max(from, start);
        const end = Math.min(from + bytes.length, start + plainLength);
        bytes.set(found.subarray(begin - start, end - start), begin - from);
      });
      if ((await sha256(bytes)) !== file.chunks[chunk])
        throw corrupt(`chunk ${chunk} of ${file.path} is not the release's`);
      return bytes;
    },
  };
}

/** Every chunk that the files of a tree are made of in this snapshot: whose packs will be asked for. */
export function chunksOfTree(tree: Tree, { files }: Pick<ManifestBody, "files">): ChunkRef[] {
  const entries = new Map(files.map((entry) => [entry.path, entry]));
  return tree.files.flatMap((file: TreeFile) => {
    const entry = follow(entries, file.path);
    return entry ? chunkRefs(entry) : [];
  });
}

/** A tree has one file under each of its names, where a snapshot has links. */
function follow(
  entries: ReadonlyMap<string, ManifestBody["files"][number]>,
  path: string,
): ManifestFile | undefined {
  let at = path;
  for (let links = 0; links <= linksMax; links++) {
    const entry = entries.get(at);
    if (entry?.kind === "file") return entry;
    if (entry?.kind === "dir") return undefined;
    const link = entry ?? linkAbove(entries, at);
    if (link?.kind !== "link") return undefined;
    at = posix.join(posix.dirname(link.path), link.target, at.slice(link.path.length));
  }
  return undefined;
}

function linkAbove(
  entries: ReadonlyMap<string, ManifestBody["files"][number]>,
  path: string,
): ManifestBody["files"][number] | undefined {
  for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above)) {
    const entry = entries.get(above);
    if (entry) return entry;
  }
  return undefined;
}

function placesOf(entry: ManifestFile): Placed[] {
  let start = 0;
  return chunkRefs(entry).map((ref) => {
    const place = { ...ref, start };
    start += ref.plainLength;
    return place;
  });
}

/** By halving: a file of many gigabytes has as many thousand chunks, and each is asked for. */
function overlapping(refs: readonly Placed[], from: number, length: number): Placed[] {
  let low = 0;
  let high = refs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const ref = refs[middle];
    if (ref && ref.start + ref.plainLength <= from) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while ((refs[end]?.start ?? Number.POSITIVE_INFINITY) < from + length) end++;
  return refs.slice(low, end);
}
