import type { Digest } from "@locum/contracts";
import type { World } from "./world.ts";

/** What the world knows of a release: its bytes, and whether its own goldens hold for what those bytes compute. */
export type WorldRelease = { digest: Digest; tree: Digest; goldens: string[]; broken: boolean };

/** Files of one volume. Two instances may share them. */
export type Volume = {
  tree: Digest;
  writtenAtMs: number;
  /** A deploy in the middle: bytes of both, until it goes on. */
  writing: boolean;
  /** Releases whose verified copy is at hand. */
  twins: Digest[];
};

/** One model server, as it really is. The core never sees this: only what probes say. */
export type Model = {
  up: boolean;
  hungSinceMs: number | null;
  /** The release that was loaded, and what has happened to the loaded copy since. */
  loaded: Digest | null;
  memory: "right" | "wrong" | "not-finite";
  hardwareBad: boolean;
  /** The last instant at which something was wrong with it, or it was touched: later failures need a cause of their own. */
  troubledAtMs: number;
};

const hex = (character: string, number: number): Digest =>
  `sha256:${character}${number.toString(16).padStart(63, "0")}`;

export function newRelease(number: number, goldens: number, broken: boolean): WorldRelease {
  return {
    digest: hex("a", number),
    tree: hex("b", number),
    // Most inputs stay the same from release to release, and so do their ids.
    goldens: Array.from({ length: goldens }, (_, index) => (index === 0 ? `g0-${number}` : `g${index}`)),
    broken,
  };
}

export const newVolume = (release: WorldRelease): Volume => ({
  tree: release.tree,
  writtenAtMs: -1e9,
  writing: false,
  twins: [release.digest],
});

export const newModel = (release: WorldRelease): Model => ({
  up: true,
  hungSinceMs: null,
  loaded: release.digest,
  memory: "right",
  hardwareBad: false,
  troubledAtMs: -1e9,
});

export const corruptTree = (world: World): Digest => {
  world.corruptions += 1;
  return hex("c", world.corruptions);
};

export const releaseOf = (world: World, tree: Digest): WorldRelease | undefined =>
  world.releases.find((release) => release.tree === tree);

/** Answers, and rightly. */
export function isRight(world: World, model: Model): boolean {
  return model.up && model.hungSinceMs === null && answersRightly(world, model);
}

export function answersRightly(world: World, { loaded, memory, hardwareBad }: Model): boolean {
  if (memory !== "right" || hardwareBad || loaded === null) return false;
  return world.releases.some(({ digest, broken }) => digest === loaded && !broken);
}

/** Loads the files that are there now, whatever they are. */
export function load(world: World, model: Model, volume: Volume): void {
  const release = releaseOf(world, volume.tree);
  model.loaded = release?.digest ?? null;
  model.memory = release ? "right" : "wrong";
  model.troubledAtMs = world.nowMs;
}

/** The outcome of one golden, as every approved release would judge it. */
export function answerOf(
  model: Model,
  golden: string,
  approved: readonly WorldRelease[],
): { outcome: "answered" | "error" | "timeout" | "not-finite"; passes: Digest[]; fails: Digest[] } {
  if (!model.up) return { outcome: "error", passes: [], fails: [] };
  if (model.hungSinceMs !== null) return { outcome: "timeout", passes: [], fails: [] };
  const passes: Digest[] = [];
  const fails: Digest[] = [];
  for (const { digest, goldens, broken } of approved) {
    if (!goldens.includes(golden)) continue;
    const right = model.loaded === digest && !broken && model.memory === "right" && !model.hardwareBad;
    (right ? passes : fails).push(digest);
  }
  return { outcome: model.memory === "not-finite" ? "not-finite" : "answered", passes, fails };
}
