import { dirname, join, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { type Fs, nodeFs } from "../../fs.ts";
import { ifThere, withFsFaults } from "../../fs-fault.ts";
import { chunkRefs } from "../manifest/manifest-body.ts";
import type { Manifest } from "../manifest/open-manifest.ts";
import type { Repository } from "../repository/repository.ts";
import type { ChunkPlaces } from "./chunk-places.ts";
import { type ExpectedTree, expectedTree } from "./expected-tree.ts";
import { findLocal } from "./find-local.ts";
import { isWholeTree } from "./is-whole-tree.ts";
import { inlineChecks, type RestoreChecks } from "./restore-checks.ts";
import { digestOfEntries, findDraft } from "./restore-draft.ts";
import { freeTarget, type RestoreLayout, type RestoreSite, restoreSite } from "./restore-site.ts";
import type { RestoreSource } from "./restore-source.ts";
import { type Look, scanChunks } from "./scan-chunks.ts";
import { selectEntries } from "./select-entries.ts";

export type RestorePlanInput = {
  repository: Pick<Repository, "hash">;
  manifest: Manifest;
  to: string;
  /** The cheapest first. Right bytes that lie in the target folder come before all of them. */
  sources: readonly RestoreSource[];
  layout?: RestoreLayout;
  /** Only these files, folders and links, and what is below them; needs the layout `folder`. */
  only?: readonly string[];
  /** Folders whose files may be right already; without it `to/current` and older tries at this snapshot. */
  local?: readonly string[];
  fs?: Fs;
  /** Hashing on threads, by `pooledChecks`; else on the loop. */
  checks?: RestoreChecks;
  signal?: AbortSignal;
};

export type RestorePlan = {
  id: string;
  site: RestoreSite;
  tree: ExpectedTree;
  treeDigest: string;
  /** With the target folder's right bytes as the first. */
  sources: readonly RestoreSource[];
  checks: RestoreChecks;
  /** Files that are right in the target folder already: path in the tree to path on the disk. */
  whole: ReadonlyMap<string, string>;
  totalBytes: number;
  /** By where they would come from: `draft` an earlier try, `local` the target folder, then sources that know what they
   * have, `asked` where only asking tells. */
  bytesBySource: Record<string, number>;
  /** Bytes that no source has, and the first file of them. */
  missing: { bytes: number; path: string } | undefined;
  space: { neededBytes: number; freeBytes: number };
  /** A folder that holds all of it already, byte for byte: nothing is left to be done. */
  already: string | undefined;
};

/** What every file and folder costs beside its bytes, about: a block of most file systems. */
const bytesPerName = 4096;

/**
 * What a restore would do, without doing it: reads the target folder, changes nothing.
 * @throws Fault refused: the target is taken · not-found: nothing of that name is in the snapshot · snapshot-corrupt ·
 *   storage-failed
 */
export function planRestore(input: RestorePlanInput): Promise<RestorePlan> {
  return withFsFaults(`looking at ${input.to}`, () => plan(input));
}

async function plan({
  repository,
  manifest,
  sources,
  layout = "versions",
  only,
  fs = nodeFs,
  checks = inlineChecks(repository.hash, manifest.idKey),
  signal,
  ...input
}: RestorePlanInput): Promise<RestorePlan> {
  const to = resolve(input.to);
  if (only && layout === "versions")
    throw new Fault("usage", "a part of a snapshot is no version of it: restore it to a folder of its own");
  const { id } = manifest.stub;
  const site = restoreSite({ to, layout, id });
  await refuseLink(fs, layout === "versions" ? site.draftFolder : to);
  if (layout === "folder") await refuseMount(fs, to);
  const entries = selectEntries(manifest.body.files, only);
  const tree = expectedTree(entries);
  const look = { fs, ...checks, signal };
  const common = { id, site, tree, treeDigest: digestOfEntries(entries), checks };
  const totalBytes = tree.files.reduce((sum, { size }) => sum + size, 0);
  const freeBytes = await fs.freeBytes(await existingAbove(fs, site.draftFolder));
  for (const target of site.targets)
    if (await isWholeTree(target, tree, look)) {
      const space = { neededBytes: 0, freeBytes };
      return {
        ...common,
        sources,
        whole: new Map(),
        totalBytes,
        bytesBySource: {},
        missing: undefined,
        space,
        already: target,
      };
    }
  await freeTarget(fs, site);
  const roots = input.local ?? (layout === "versions" ? [join(to, "current"), ...site.targets] : []);
  const { places: local, whole } = await findLocal(roots, tree, look);
  const draft = await findDraft(fs, site, { id, treeDigest: common.treeDigest });
  const counted = await countBytes(tree, { draft: draft.usable, local, sources, look });
  const stillToWrite = totalBytes - (counted.bytesBySource.draft ?? 0);
  const ours: RestoreSource = { name: "local", has: local.has, read: local.read, onOtherBytes: "skip" };
  return {
    ...common,
    ...counted,
    sources: [ours, ...sources],
    whole,
    totalBytes,
    space: { neededBytes: stillToWrite + tree.kinds.size * bytesPerName, freeBytes },
    already: undefined,
  };
}

/** A link there could lead the restore anywhere. */
async function refuseLink(fs: Fs, path: string): Promise<void> {
  const kind = (await ifThere(fs.lstat(path)))?.kind;
  if (kind !== undefined && kind !== "dir")
    throw new Fault("refused", `${path} is a ${kind}, a folder was expected`, {
      hint: "Name a folder that is no link.",
    });
}

/** A finished folder takes the place of the empty one by a rename, which no mount lets happen to itself. */
async function refuseMount(fs: Fs, to: string): Promise<void> {
  const stat = await ifThere(fs.lstat(to));
  if (stat && stat.dev !== (await fs.lstat(await fs.realpath(dirname(to)))).dev)
    throw new Fault("refused", `${to} is a file system of its own, so no folder can take its place`, {
      hint: "Restore into versions within it, or to a folder in it that is not there yet.",
    });
}

async function existingAbove(fs: Fs, path: string): Promise<string> {
  if ((await ifThere(fs.lstat(path))) || dirname(path) === path) return path;
  return existingAbove(fs, dirname(path));
}

async function countBytes(
  tree: ExpectedTree,
  {
    draft,
    local,
    sources,
    look,
  }: {
    draft: string | undefined;
    local: ChunkPlaces;
    sources: readonly RestoreSource[];
    look: Look;
  },
): Promise<Pick<RestorePlan, "bytesBySource" | "missing">> {
  const bytesBySource: Record<string, number> = {};
  let missing: RestorePlan["missing"];
  const known = [{ name: "local", has: local.has }, ...sources.filter(({ has }) => has)];
  const isAsked = sources.some(({ has }) => !has);
  for (const file of tree.files) {
    const inDraft = new Set<number>();
    if (draft !== undefined)
      await scanChunks(join(draft, "tree", file.path), file, look, ({ place }) => inDraft.add(place));
    for (const [place, { chunkId, plainLength }] of chunkRefs(file).entries()) {
      const source = inDraft.has(place)
        ? "draft"
        : (known.find(({ has }) => has?.(chunkId))?.name ?? (isAsked ? "asked" : undefined));
      if (source === undefined)
        missing = { bytes: (missing?.bytes ?? 0) + plainLength, path: missing?.path ?? file.path };
      else bytesBySource[source] = (bytesBySource[source] ?? 0) + plainLength;
    }
  }
  return { bytesBySource, missing };
}
