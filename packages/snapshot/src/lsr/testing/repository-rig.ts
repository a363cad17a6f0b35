import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { createMemoryFs, type MemoryFs } from "../../testing/memory-fs.ts";
import { bytesSource } from "../byte-source.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { chunkRefs } from "../manifest/manifest-body.ts";
import { openPacks } from "../pack/open-packs.ts";
import { type CommitInput, type Committed, commitSnapshot } from "../repository/commit-snapshot.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { createRepository, type Repository, type RepositoryDeps } from "../repository/repository.ts";
import { directoryStore } from "../store/directory-store.ts";
import { floatBytes } from "./float-bytes.ts";
import { safetensorsFile } from "./model-files.ts";
import { opener, sealing, seededBytes } from "./rig.ts";
import { type Timed, timedStore } from "./timed-store.ts";

export const root = "/srv/snapshots";
export const hourMs = 3_600_000;
/** 2026-01-02T03:04:05Z. */
export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5);

let seeds = 1000;

/** Over a file system in memory, at a time that the test holds: the storage's clock and the writer's are one. */
export function repositoryDeps(fs: Fs, time: Timed): RepositoryDeps {
  const random = seededBytes(++seeds);
  const store = timedStore(directoryStore({ fs, root, random }), time);
  return { store, idKey: sealing.idKey, hash: nativeHash, random, wallMs: () => time.nowMs };
}

export async function newRepository(): Promise<{
  repository: Repository;
  disk: MemoryFs;
  time: Timed;
  reopen(fs?: Fs): Promise<Repository>;
}> {
  const disk = createMemoryFs();
  await makeDirs(disk.fs, root);
  const time: Timed = { nowMs: startMs, times: new Map() };
  const reopen = (fs: Fs = disk.fs) => createRepository(repositoryDeps(fs, time));
  return { repository: await reopen(), disk, time, reopen };
}

const made = new Map<number, Uint8Array>();

/** Made once each: an enumeration asks for them at every call. */
export function weightsOf(seed: number): Uint8Array {
  const weights = made.get(seed) ?? floatBytes({ dtype: "bf16", count: 33_000, seed: 100 + seed });
  made.set(seed, weights);
  return weights;
}

const modelOf = (weights: Uint8Array): Uint8Array => safetensorsFile([{ name: "w", bytes: weights }]);

/** A snapshot of two files; every one is a second later than the one before. */
export async function commitOf(
  repository: Repository,
  weights: Uint8Array,
  { stub, ...more }: { stub?: Partial<CommitInput["stub"]> } & Partial<Omit<CommitInput, "stub">> = {},
): Promise<Committed> {
  const capturedAt = new Date(repository.wallMs()).toISOString();
  return commitSnapshot(repository, {
    stub: { model: "digits", capturedAt, parent: null, torn: false, ...stub },
    files: [
      { path: "m.safetensors", mode: 0o644, mtimeNs: 1n, source: bytesSource(modelOf(weights)) },
      { path: "a/config.json", mode: 0o600, mtimeNs: 2n, source: bytesSource(Buffer.from('{"a":1}')) },
    ],
    recipients: sealing.recipients,
    by: "test",
    ...more,
  });
}

export const baseOf =
  (weights: Uint8Array): NonNullable<CommitInput["base"]> =>
  async ({ path, start, length }) =>
    path === "m.safetensors" ? modelOf(weights).subarray(start, start + length) : undefined;

export const filesOf = (weights: Uint8Array): Map<string, string> =>
  new Map([
    ["m.safetensors", Buffer.from(modelOf(weights)).toString("latin1")],
    ["a/config.json", '{"a":1}'],
  ]);

/** Every file of a snapshot, from the packs alone. */
export async function readBack(
  repository: Repository,
  id: string,
  by = opener,
): Promise<Map<string, string>> {
  const { body } = await readSnapshot(repository, id, { opener: by });
  const packs = await openPacks({ ...repository, opener: by });
  const files = new Map<string, string>();
  for (const entry of body.files) {
    if (entry.kind !== "file") continue;
    const chunks: Uint8Array[] = [];
    for (const { chunkId } of chunkRefs(entry)) chunks.push(await packs.read(chunkId));
    files.set(entry.path, Buffer.concat(chunks).toString("latin1"));
  }
  return files;
}

export async function namesOf({ store }: Pick<Repository, "store">, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(prefix)) names.push(name);
  return names.sort();
}
