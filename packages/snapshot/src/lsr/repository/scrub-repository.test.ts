import { Fault } from "@locum/contracts";
import { expect, test } from "vitest";
import { createPace } from "../../pace.ts";
import { packPath } from "../pack/pack-path.ts";
import { parityPath } from "../parity/parity-path.ts";
import { damageByte } from "../testing/damage-byte.ts";
import {
  commitOf,
  filesOf,
  namesOf,
  newRepository,
  readBack,
  root,
  weightsOf,
} from "../testing/repository-rig.ts";
import { opener, sealing } from "../testing/rig.ts";
import { checkRepository } from "./check-repository.ts";
import { takeLease } from "./gc-lease.ts";
import type { Repository } from "./repository.ts";
import { scrubRepository } from "./scrub-repository.ts";

/** Ten packs, and what is in the last snapshot. */
async function withPacks() {
  const rig = await newRepository();
  const packs: string[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    packs.push(...(await commitOf(rig.repository, weightsOf(seed))).packs);
    rig.time.nowMs += 1000;
  }
  return { ...rig, packs: packs.sort() };
}

/** The same repository, telling which packs are read. */
function watched(repository: Repository): { repository: Repository; read: Set<string> } {
  const read = new Set<string>();
  const store: Repository["store"] = {
    ...repository.store,
    read(name, at, length) {
      const id = /([0-9a-f]{64})\.pk$/.exec(name)?.[1];
      if (id) read.add(id);
      return repository.store.read(name, at, length);
    },
  };
  return { repository: { ...repository, store }, read };
}

const holder = "scrubber";

test("runs in a row read every pack once, whoever makes them and however large they are, and then begin anew", async () => {
  const { repository, reopen, time, packs } = await withPacks();
  const [seen, sizes]: [string[], number[]] = [[], []];
  const startedMs = time.nowMs;
  for (const of of [4, 7, 3, 2, 2, 5]) {
    const { repository: again, read } = watched(await reopen());
    const { packs: count, coverage } = await scrubRepository(again, { holder, of });
    expect(read.size).toBe(count);
    seen.push(...read);
    sizes.push(count);
    time.nowMs += 1000;
    if (coverage?.next === 0) break;
  }
  expect(seen.sort()).toEqual(packs);
  expect(Math.max(...sizes)).toBeLessThan(packs.length);
  const { coverage } = await scrubRepository(repository, { holder, of: 1 });
  expect(Date.parse(coverage?.wholeSince ?? "")).toBeGreaterThan(startedMs);
});

test("slices of the caller's own are disjoint, and all packs together", async () => {
  const { repository, packs } = await withPacks();
  const seen: string[] = [];
  for (let at = 0; at < 3; at++) {
    const watch = watched(repository);
    const report = await scrubRepository(watch.repository, { holder, slice: { at, of: 3 } });
    expect(report.coverage).toBeUndefined();
    seen.push(...watch.read);
  }
  expect(seen.sort()).toEqual(packs);
  expect(await namesOf(repository, "scrub/")).toEqual([]);
});

test("a flipped byte is found and repaired without a key; parity that is missing or damaged is made again", async () => {
  const { repository, disk, packs } = await withPacks();
  const [flipped = "", bare = "", rotten = ""] = packs;
  await damageByte(disk.fs, `${root}/${packPath(flipped)}`, 5000);
  await repository.store.remove(parityPath(bare));
  await damageByte(disk.fs, `${root}/${parityPath(rotten)}`, 3000);
  const report = await scrubRepository(repository, { holder, of: 1 });
  expect(report).toMatchObject({ packs: 10, postponed: [], isAborted: false });
  expect(new Map(report.healed.map(({ name, kind, ...more }) => [name, { kind, ...more }]))).toMatchObject(
    new Map([
      [packPath(flipped), { kind: "repaired", parity: false }],
      [packPath(bare), { kind: "intact", parity: true }],
      [packPath(rotten), { kind: "intact", parity: true }],
    ]),
  );
  const { damage, coverage } = await checkRepository(repository, { opener });
  expect(damage).toEqual([]);
  expect(coverage.packsWithoutParity).toBe(0);
  expect((await scrubRepository(repository, { holder, of: 1 })).healed).toEqual([]);
});

test("beyond parity one source gives the one chunk that is wrong, and what nobody has is told", async () => {
  const { repository, disk } = await newRepository();
  const { id, packs } = await commitOf(repository, weightsOf(1));
  const [pack = ""] = packs;
  await repository.store.remove(parityPath(pack));
  await damageByte(disk.fs, `${root}/${packPath(pack)}`, 20_000);
  const asked: Uint8Array[] = [];
  const without = await scrubRepository(repository, {
    holder,
    of: 1,
    opener,
    recipients: sealing.recipients,
    sources: [async (chunkId) => void asked.push(chunkId)],
  });
  expect(asked).toHaveLength(1);
  expect(without.healed).toMatchObject([{ kind: "replaced", saved: 2, isAside: true }]);
  expect(without.healed[0]).toMatchObject({ lost: [Buffer.from(asked[0] ?? []).toString("hex")] });
  // Whoever takes the same files again stores what is missing.
  const again = await commitOf(repository, weightsOf(1));
  expect(again.packs).toHaveLength(1);
  expect(await readBack(repository, id)).toEqual(filesOf(weightsOf(1)));
});

test("while another heals or collects, what is damaged waits, and is read again by the next run", async () => {
  const { repository, disk, packs } = await withPacks();
  const damaged = packs[4] ?? "";
  await damageByte(disk.fs, `${root}/${packPath(damaged)}`, 5000);
  const lease = await takeLease(repository, "another");
  const first = await scrubRepository(repository, { holder, of: 1 });
  expect(first).toMatchObject({ packs: 10, healed: [], postponed: [packPath(damaged)] });
  await lease.release();
  const second = await scrubRepository(repository, { holder, of: 1 });
  expect(second).toMatchObject({ packs: 6, postponed: [], coverage: { next: 0 } });
  expect(second.healed).toMatchObject([{ name: packPath(damaged), kind: "repaired" }]);
});

test("two who scrub and heal at once: one heals, nothing is lost", async () => {
  const { repository, reopen, disk, packs } = await withPacks();
  const damaged = packs[4] ?? "";
  await damageByte(disk.fs, `${root}/${packPath(damaged)}`, 5000);
  const other = await reopen();
  const runs = await Promise.all([
    scrubRepository(repository, { holder: "one", of: 1 }),
    scrubRepository(other, { holder: "two", of: 1 }),
  ]);
  const outcomes = runs.flatMap(({ healed, postponed }) => [...healed.map(({ kind }) => kind), ...postponed]);
  expect(outcomes).toContain("repaired");
  expect((await checkRepository(repository, { opener })).damage).toEqual([]);
  expect(await namesOf(repository, "damaged/")).toEqual([]);
});

test("a run that is stopped goes on at the pack where it was, and does not read faster than its pace", async () => {
  const { repository, packs } = await withPacks();
  const stop = new AbortController();
  let [nowMs, bytes] = [1e6, 0];
  const startedMs = nowMs;
  const pace = createPace({
    bytesPerSecond: 1_000_000,
    clock: {
      monotonicMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
    },
  });
  const counted = async (length: number) => {
    bytes += length;
    await pace(length);
    expect(bytes - length).toBeLessThanOrEqual((nowMs - startedMs) * 1000 + 1);
    if (bytes > 400_000) stop.abort();
  };
  const first = await scrubRepository(repository, { holder, of: 1, pace: counted, signal: stop.signal });
  expect(first.isAborted).toBe(true);
  expect(first.packs).toBeGreaterThan(0);
  const { repository: again, read } = watched(repository);
  const second = await scrubRepository(again, { holder, of: 1 });
  expect([...read].sort()).toEqual(packs.slice(first.packs));
  expect(second.coverage?.next).toBe(0);
});

test("a storage that does not answer ends the run, and what was read before stays read", async () => {
  const { repository, packs } = await withPacks();
  const fifth = packPath(packs[4] ?? "");
  const store: Repository["store"] = {
    ...repository.store,
    read(name, at, length) {
      if (name === fifth) throw new Fault("upstream-unreachable", "no answer");
      return repository.store.read(name, at, length);
    },
  };
  const run = scrubRepository({ ...repository, store }, { holder, of: 1 });
  await expect(run).rejects.toMatchObject({ code: "upstream-unreachable" });
  expect((await scrubRepository(repository, { holder, of: 1 })).packs).toBe(6);
});
