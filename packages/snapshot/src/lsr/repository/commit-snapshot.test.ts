import { expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { packPath } from "../pack/pack-path.ts";
import { parityPath } from "../parity/parity-path.ts";
import { parseParity } from "../parity/parse-parity.ts";
import { repairPack } from "../parity/repair-pack.ts";
import { createSnapshotPool } from "../pipeline/snapshot-pool.ts";
import { blobSource } from "../store/blob-store.ts";
import { commitOf, filesOf, namesOf, newRepository, readBack, weightsOf } from "../testing/repository-rig.ts";
import { opener } from "../testing/rig.ts";
import { checkRepository } from "./check-repository.ts";
import { listSnapshots } from "./list-snapshots.ts";
import type { LoadedIndex } from "./load-index.ts";
import { measureRepository } from "./measure.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { readRef } from "./refs.ts";
import type { Repository } from "./repository.ts";

test("a snapshot is listed without a key, read with one, and is the latest", async () => {
  const { repository } = await newRepository();
  const { id, isLatest } = await commitOf(repository, weightsOf(1));
  const { snapshots, damaged } = await listSnapshots(repository);
  expect(damaged).toEqual([]);
  expect(snapshots).toMatchObject([{ id, stub: { model: "digits", files: 2 } }]);
  expect((await readSnapshot(repository, id, { opener })).stub.id).toBe(id);
  expect(await readBack(repository, id)).toEqual(filesOf(weightsOf(1)));
  expect(isLatest).toBe(true);
  expect((await readRef(repository, { model: "digits", channel: "latest" }))?.snapshot).toBe(id);
});

test("a second snapshot of the same files writes no pack, and opens no old one to know it", async () => {
  const { repository, reopen } = await newRepository();
  const first = await commitOf(repository, weightsOf(1));
  const again = await reopen();
  const second = await commitOf(again, weightsOf(1));
  expect([first.packs.length, second.packs.length]).toEqual([1, 0]);
  expect(await readBack(again, second.id)).toEqual(filesOf(weightsOf(1)));
});

test("each new pack has its parity when the commit is over, from the caller's thread and from a pool, unless it is left out", async () => {
  const { repository } = await newRepository();
  const pool = createSnapshotPool({ threads: 1 });
  try {
    const alone = await commitOf(repository, weightsOf(1));
    const pooled = await commitOf(repository, weightsOf(2), { pool });
    for (const id of [...alone.packs, ...pooled.packs]) {
      const [pack, parity] = [packPath(id), parityPath(id)];
      const bytes = await repository.store.read(pack, 0, (await repository.store.size(pack)) ?? 0);
      const lost = Uint8Array.from(bytes).fill(0, 5000, 6000);
      const size = (await repository.store.size(parity)) ?? 0;
      // Blocks are small where the pack is: no sixteenth of a mebibyte for a pack of 64 KiB.
      expect(size).toBeLessThan(bytes.length / 8);
      const parsed = await parseParity(
        blobSource(repository.store, { name: parity, bytes: size }),
        nativeHash,
      );
      const { parts } = await repairPack(bytesSource(lost), parsed, { packId: id, hash: nativeHash });
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    }
    const bare = await commitOf(repository, weightsOf(3), { parity: false });
    expect(await repository.store.size(parityPath(bare.packs[0] ?? ""))).toBeUndefined();
    expect((await checkRepository(repository)).coverage.packsWithoutParity).toBe(1);
  } finally {
    await pool.close();
  }
});

test("a quota holds packs, parity, index and manifest together: what would go over is not committed, and channels stay", async () => {
  const { repository } = await newRepository();
  const first = await commitOf(repository, weightsOf(1));
  const { bytes: before } = await measureRepository(repository);
  const trial = await newRepository();
  await commitOf(trial.repository, weightsOf(1));
  const { bytes: trialBefore } = await measureRepository(trial.repository);
  await commitOf(trial.repository, weightsOf(2));
  const needed = (await measureRepository(trial.repository)).bytes - trialBefore;
  for (const share of [0, 0.5, 0.9, 0.99]) {
    const quotaBytes = before + Math.floor(needed * share);
    const fault = await commitOf(repository, weightsOf(2), { quotaBytes }).catch((error: unknown) => error);
    expect(fault, `${share}`).toMatchObject({
      code: "disk-full",
      message: expect.stringMatching(/quota is \d+/),
    });
    expect((await measureRepository(repository)).bytes).toBeLessThanOrEqual(quotaBytes + 1000);
    expect((await listSnapshots(repository)).snapshots).toHaveLength(1);
    expect((await readRef(repository, { model: "digits", channel: "latest" }))?.snapshot).toBe(first.id);
  }
  const { id } = await commitOf(repository, weightsOf(2), { quotaBytes: before + 2 * needed });
  expect(await readBack(repository, id)).toEqual(filesOf(weightsOf(2)));
});

test("channels move with the commit, forward only; those for whole snapshots are refused to a torn one", async () => {
  const { repository, time } = await newRepository();
  const channels = ["last-known-good", "pinned-nightly"];
  const at = async (channel: string) => (await readRef(repository, { model: "digits", channel }))?.snapshot;
  const first = await commitOf(repository, weightsOf(1), { channels });
  expect(first.channels).toEqual(channels);
  expect([await at("last-known-good"), await at("pinned-nightly")]).toEqual([first.id, first.id]);
  time.nowMs += 1000;
  const torn = await commitOf(repository, weightsOf(2), { channels, stub: { torn: true } });
  expect(torn).toMatchObject({ torn: true, isLatest: true, channels: ["pinned-nightly"] });
  expect([await at("last-known-good"), await at("pinned-nightly")]).toEqual([first.id, torn.id]);
  const older = await commitOf(repository, weightsOf(3), {
    channels,
    stub: { id: "01J00000000000000000000000" },
  });
  expect(older).toMatchObject({ isLatest: false, channels: [] });
  await expect(commitOf(repository, weightsOf(4), { channels: ["../x"] })).rejects.toMatchObject({
    code: "request-invalid",
  });
  expect(await namesOf(repository, "intents/")).toEqual([]);
});

test("a process that passes its index on reads no segment twice, and stores no less and no more", async () => {
  const { repository, time } = await newRepository();
  const read: string[] = [];
  const store: Repository["store"] = {
    ...repository.store,
    async read(name, position, length) {
      if (name.startsWith("idx/")) read.push(name);
      return repository.store.read(name, position, length);
    },
  };
  let loaded: LoadedIndex | undefined;
  for (const seed of [1, 2, 1, 2]) {
    time.nowMs += 1000;
    const committed = await commitOf({ ...repository, store }, weightsOf(seed), {
      ...(loaded && { loaded }),
    });
    loaded = committed.loaded;
    expect(await readBack(repository, committed.id)).toEqual(filesOf(weightsOf(seed)));
  }
  expect(read).toEqual([]);
  expect(await namesOf(repository, "packs/")).toHaveLength(4);
  // Another writer's segment is new to it.
  await commitOf(repository, weightsOf(3));
  const last = await commitOf({ ...repository, store }, weightsOf(3), { ...(loaded && { loaded }) });
  expect(last.packs).toEqual([]);
  expect(read).toHaveLength(1);
});
