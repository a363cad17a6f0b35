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

type Loaded = { loaded: Digest | null; memory: "right" | "wrong" | "not-finite" };

/** One model server, as it really is. The core never sees this: only what probes say. */
export type Model = {
  up: boolean;
  hungSinceMs: number | null;
  /** The release that was loaded, and what has happened to the loaded copy since. */
  loaded: Digest | null;
  memory: Loaded["memory"];
  /** Models of the server that were loaded, or went bad, by themselves since all of it was loaded. */
  parts: Record<string, Loaded>;
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
  parts: {},
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

export const answersRightly = (world: World, model: Model): boolean =>
  namesOf(world).every((name) => partIsRight(world, model, name));

export function partIsRight(world: World, model: Model, name: string): boolean {
  const { loaded, memory } = partOf(model, name);
  if (memory !== "right" || model.hardwareBad || loaded === null) return false;
  return world.releases.some(({ digest, broken }) => digest === loaded && !broken);
}

const partOf = (model: Model, name: string): Loaded => model.parts[name] ?? model;

/** The models of each server: one, or two that share it. */
export const namesOf = ({ scenario }: World): string[] =>
  Array.from({ length: scenario.models }, (_, index) => `m${index}`);

/** Goldens are dealt out among the models by their numbers. */
export const askedBy = ({ scenario }: World, golden: string): string =>
  `m${Number(/^g(\d+)/.exec(golden)?.[1] ?? 0) % scenario.models}`;

/** Loads the files that are there now, whatever they are; of some models only, or of all. */
export function load(world: World, model: Model, volume: Volume, names?: readonly string[]): void {
  const release = releaseOf(world, volume.tree);
  const loaded: Loaded = { loaded: release?.digest ?? null, memory: release ? "right" : "wrong" };
  if (names) for (const name of names) model.parts[name] = loaded;
  else Object.assign(model, loaded, { parts: {} });
  model.troubledAtMs = world.nowMs;
}

/** What is in memory goes bad: all of it, or one model beside the others. */
export function spoil(model: Model, memory: Loaded["memory"], name: string | null): void {
  if (name === null) Object.assign(model, { memory, parts: {} });
  else model.parts[name] = { loaded: partOf(model, name).loaded, memory };
}

/** The outcome of one golden, as every approved release would judge it. */
export function answerOf(
  model: Model,
  { golden, name }: { golden: string; name: string },
  approved: readonly WorldRelease[],
): { outcome: "answered" | "error" | "timeout" | "not-finite"; passes: Digest[]; fails: Digest[] } {
  if (!model.up) return { outcome: "error", passes: [], fails: [] };
  if (model.hungSinceMs !== null) return { outcome: "timeout", passes: [], fails: [] };
  const { loaded, memory } = partOf(model, name);
  const passes: Digest[] = [];
  const fails: Digest[] = [];
  for (const { digest, goldens, broken } of approved) {
    if (!goldens.includes(golden)) continue;
    const right = loaded === digest && !broken && memory === "right" && !model.hardwareBad;
    (right ? passes : fails).push(digest);
  }
  return { outcome: memory === "not-finite" ? "not-finite" : "answered", passes, fails };
}
