import type { Probe, Release, Tree } from "@locum/contracts";

type BytesProbe = Extract<Probe, { kind: "bytes" }>;

/** What the files are: the newest approved release that owns them, or nobody's. */
export function judgeTree(
  tree: Tree | null,
  releases: readonly Release[],
): Pick<BytesProbe, "state" | "tree" | "release"> {
  const withFiles = releases.filter(({ body }) => body.tree !== null);
  const owner = tree && withFiles.find(({ body }) => body.tree?.digest === tree.digest);
  const state = withFiles.length === 0 ? "unknown" : owner ? "approved" : "unapproved";
  return { state, tree: tree?.digest ?? null, release: owner?.digest ?? null };
}

/** The same for a person: what differs from the newest release. */
export function describeTree(tree: Tree, releases: readonly Release[]): string {
  const owner = releases.find(({ body }) => body.tree?.digest === tree.digest);
  if (owner) return `the files of ${owner.digest.slice(0, 19)}`;
  const newest = releases.find(({ body }) => body.tree !== null)?.body.tree;
  if (!newest) return `${tree.files.length} files; no release says what they should be`;
  const meant = new Map(newest.files.map(({ path, digest }) => [path, digest]));
  const there = new Map(tree.files.map(({ path, digest }) => [path, digest]));
  const other = tree.files.filter(({ path, digest }) => meant.has(path) && meant.get(path) !== digest);
  const added = tree.files.filter(({ path }) => !meant.has(path));
  const gone = newest.files.filter(({ path }) => !there.has(path));
  const named = [...other, ...added, ...gone].slice(0, 3).map(({ path }) => path);
  return `the files belong to no approved release: ${other.length} changed, ${added.length} added, ${gone.length} missing (${named.join(", ")})`.slice(
    0,
    500,
  );
}
