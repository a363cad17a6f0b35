import { isAbsolute, join, posix, relative } from "node:path";
import { Fault } from "@locum/contracts";
import type { Fs, FsStat } from "../../fs.ts";
import { errnoOf, ifThere, isMissing } from "../../fs-fault.ts";
import { type Ignore, isIgnored } from "../../ignore.ts";
import { isInside, resolveInside } from "../../resolve-inside.ts";
import { isForeign, type WalkLimits, walkLimits } from "../../walk-tree.ts";
import { isSafePath, type ManifestBody } from "../manifest/manifest-body.ts";
import type { Left } from "./left.ts";

export type FoundFile = { path: string; real: string; stat: FsStat };
export type SourceWalk = { files: FoundFile[]; others: ManifestBody["files"]; left: Left[] };

/**
 * What is there to capture under `root`, which may be one file: files, folders and links, each with the path that it
 * gets in the manifest. The same rule as for trees says what belongs to a model; links stay links, so that a cache that
 * gives one content several names is stored once. What cannot be taken is told in `left`, and never followed.
 * @throws Fault refused: more than the limits · storage-failed
 */
export async function walkSource({
  fs,
  root,
  prefix = "",
  ignore = [],
  limits = walkLimits,
}: {
  fs: Fs;
  root: string;
  prefix?: string | undefined;
  ignore?: Ignore | undefined;
  limits?: WalkLimits | undefined;
}): Promise<SourceWalk> {
  const walk: SourceWalk = { files: [], others: [], left: [] };
  const real = await ifThere(fs.realpath(root));
  const rootStat = real === undefined ? undefined : await ifThere(fs.lstat(real));
  if (real === undefined || !rootStat) return { ...walk, left: [{ path: prefix || ".", reason: "missing" }] };

  async function enter(place: string, inner: string, depth: number): Promise<void> {
    if (depth > limits.depthMax)
      throw new Fault("refused", `${inner} is more than ${limits.depthMax} folders deep`);
    const names = await listed(place, inner);
    for (const name of names.toSorted()) {
      const path = inner === "" ? name : `${inner}/${name}`;
      if (isForeign(name) || isIgnored(ignore, path)) continue;
      // Bytes that are no UTF-8 come back as U+FFFD: such a file could be listed and never opened.
      if (name.includes("\uFFFD") || !isSafePath(named(path))) leave(path, "name");
      else await visit(join(place, name), path, depth);
      if (walk.files.length + walk.others.length + walk.left.length > limits.filesMax)
        throw new Fault("refused", `${root} holds more than ${limits.filesMax} files, folders and links`);
    }
  }

  async function listed(place: string, inner: string): Promise<string[]> {
    try {
      return (await ifThere(fs.readdir(place))) ?? [];
    } catch (error) {
      if (!isDenied(error)) throw error;
      leave(inner, "unreadable");
      return [];
    }
  }

  async function visit(place: string, inner: string, depth: number): Promise<void> {
    // Gone since the listing: then it is no part of this moment.
    const stat = await ifThere(fs.lstat(place));
    if (!stat) return;
    const path = named(inner);
    if (stat.kind === "file") walk.files.push({ path, real: place, stat });
    else if (stat.kind === "link") await visitLink(place, inner);
    else if (stat.kind === "other") leave(inner, "special");
    // Folders alone tell: an overlay file system gives its files the device of the layer that they lie in.
    else if (stat.dev !== rootStat?.dev) leave(inner, "device");
    else {
      walk.others.push({ path, kind: "dir", mode: stat.mode });
      await enter(place, inner, depth + 1);
    }
  }

  async function visitLink(place: string, inner: string): Promise<void> {
    const target = await insideTarget(place, inner);
    if (target === undefined) leave(inner, "outside");
    else if (target !== "") walk.others.push({ path: named(inner), kind: "link", target });
  }

  /** As a manifest holds it: relative, and inside by its letters and by where it really leads. "" where it is gone. */
  async function insideTarget(place: string, inner: string): Promise<string | undefined> {
    const text = await ifThere(fs.readlink(place));
    if (text === undefined) return "";
    try {
      await resolveInside(fs, real ?? root, inner);
    } catch (error) {
      if (error instanceof Fault) return undefined;
      if (!isGone(error)) throw error;
    }
    if (isAbsolute(text) && !isInside(real ?? root, text)) return undefined;
    const target = isAbsolute(text) ? relative(posix.dirname(place), text) || "." : text;
    const lands = posix.join(posix.dirname(inner), target);
    return lands === ".." || lands.startsWith("../") ? undefined : target;
  }

  const named = (inner: string): string => [prefix, inner].filter((part) => part !== "").join("/") || ".";
  const leave = (inner: string, reason: Left["reason"]): void =>
    void walk.left.push({ path: named(inner), reason });

  if (rootStat.kind === "dir") await enter(real, "", 0);
  else if (rootStat.kind === "file")
    walk.files.push({ path: named(posix.basename(root)), real, stat: rootStat });
  else leave(posix.basename(root), "special");
  return walk;
}

/** The owner, or the file system, does not let this user read it; a bad sector is as unreadable. */
export const isDenied = (error: unknown): boolean =>
  ["EACCES", "EPERM", "EIO"].includes(errnoOf(error) ?? "");
export const isGone = (error: unknown): boolean => isMissing(error) || errnoOf(error) === "ELOOP";
