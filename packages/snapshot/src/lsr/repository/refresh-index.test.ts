import { expect, test } from "vitest";
import { seededRandom } from "../../testing/random.ts";
import { packPath } from "../pack/pack-path.ts";
import { commitOf, hourMs, newRepository, weightsOf } from "../testing/repository-rig.ts";
import { opener, sealing } from "../testing/rig.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { forget } from "./forget.ts";
import { listSnapshots } from "./list-snapshots.ts";
import { type LoadedIndex, loadIndex, refreshIndex } from "./load-index.ts";
import { readPins } from "./read-pins.ts";
import type { Repository } from "./repository.ts";

/** Everything that a loaded index says, in an order of its own. */
function saidBy({ index, packs, parities, garbage, unreadable, segments }: LoadedIndex) {
  const ids = [...index.packs()].sort();
  const chunks = ids.flatMap((pack) => index.entriesOf(pack).map(({ chunkId }) => chunkId));
  const found = (chunkId: Uint8Array) =>
    index
      .find(chunkId)
      .map(({ pack, ordinal }) => `${pack} ${ordinal}`)
      .sort();
  return {
    entries: ids.map((pack) => [pack, index.entriesOf(pack)]),
    found: chunks.map((chunkId) => [found(chunkId), index.isBase(chunkId), index.isReadable(chunkId)]),
    size: index.size(),
    packs: [...packs.keys()].sort(),
    parities: [...parities.keys()].sort(),
    garbage: [...garbage].sort(),
    unreadable: unreadable.map(({ name }) => name).sort(),
    segments: [...segments.keys()].sort(),
  };
}

type Rig = Awaited<ReturnType<typeof newRepository>>;

async function act({ repository, time }: Rig, random: () => number): Promise<string> {
  time.nowMs += hourMs;
  const choice = random();
  if (choice < 0.5) {
    await commitOf(repository, weightsOf(Math.floor(random() * 6)));
    return "commit";
  }
  if (choice < 0.7) {
    const pins = await readPins(repository);
    const free = (await listSnapshots(repository)).snapshots.filter(({ id }) => !pins.has(id));
    await forget(
      repository,
      free.slice(0, 2).map(({ id }) => id),
    );
    return "forget";
  }
  time.nowMs += 25 * hourMs;
  await collectGarbage(repository, { opener, holder: "test", recipients: sealing.recipients });
  return "collect";
}

test.for(["writer", "reader"] as const)(
  "a %s's index that is refreshed equals one that is loaded",
  async (user) => {
    const acts = new Set<string>();
    for (let seed = 1; seed <= 12; seed++) {
      const rig = await newRepository();
      const random = seededRandom(seed);
      let loaded = await loadIndex(rig.repository, { for: user, repair: false });
      for (let step = 0; step < 14; step++) {
        acts.add(await act(rig, random));
        if (random() < 0.4) continue;
        loaded = await refreshIndex(rig.repository, loaded, { repair: false });
        const fresh = await loadIndex(rig.repository, { for: user, repair: false });
        expect(saidBy(loaded), `seed ${seed}, step ${step}`).toEqual(saidBy(fresh));
      }
    }
    expect(acts).toEqual(new Set(["commit", "forget", "collect"]));
  },
);

test("a pack that is gone, cut short or announced is not in the next index, and still in the one before", async () => {
  const { repository } = await newRepository();
  const packs: string[] = [];
  for (const seed of [1, 2, 3, 4]) packs.push(...(await commitOf(repository, weightsOf(seed))).packs);
  const before = await loadIndex(repository, { for: "writer" });
  const [gone = "", short = "", announced = "", kept = ""] = packs;
  await repository.store.remove(packPath(gone));
  await cutShort(repository, packPath(short));
  await repository.store.create(`garbage/${announced}`, []);
  const after = await refreshIndex(repository, before);
  expect([...after.index.packs()]).toEqual([kept]);
  expect(after.unreadable.map(({ name }) => name)).toEqual([packPath(short)]);
  expect([...before.index.packs()].sort()).toEqual([...packs].sort());
  // An older look that is refreshed late brings nothing back to a newer one.
  await repository.store.remove(`garbage/${announced}`);
  expect((await refreshIndex(repository, before)).index.hasPack(announced)).toBe(true);
  expect(after.index.hasPack(announced)).toBe(false);
});

async function cutShort({ store }: Repository, name: string): Promise<void> {
  const half = await store.read(name, 0, 4096);
  await store.remove(name);
  await store.create(name, [half]);
}
