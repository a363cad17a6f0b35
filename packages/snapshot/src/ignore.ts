import { posix } from "node:path";

/** Globs on paths inside the tree (`logs/**`, `*.tmp`); one without a slash is tried on each file and folder name. */
export type Ignore = readonly string[];

export const isIgnored = (ignore: Ignore, path: string): boolean =>
  ignore.some((glob) => posix.matchesGlob(glob.includes("/") ? path : posix.basename(path), glob));
