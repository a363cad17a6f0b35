import { describe, expect, test } from "vitest";
import { packPath } from "../pack/pack-path.ts";
import { parityPath } from "../parity/parity-path.ts";
import { atEveryCall, crashKinds, type Expected } from "../testing/crash-rig.ts";
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
import type { Repository } from "./repository.ts";
import { scrubRepository } from "./scrub-repository.ts";

const scrub = (repository: Repository) =>
  scrubRepository(repository, { holder: "scrubber", of: 1, opener, recipients: sealing.recipients });

/** Two snapshots; the larger record of the first one's pack has a wrong byte. */
async function withDamage() {
  const rig = await newRepository();
  const expected: Expected = new Map();
  const first = await commitOf(rig.repository, weightsOf(1));
  rig.time.nowMs += 1000;
  const second = await commitOf(rig.repository, weightsOf(2));
  expected.set(first.id, filesOf(weightsOf(1))).set(second.id, filesOf(weightsOf(2)));
  const pack = first.packs[0] ?? "";
  await damageByte(rig.disk.fs, `${root}/${packPath(pack)}`, 20_000);
  return { ...rig, first, second, expected, pack };
}

describe.for(crashKinds)("%s at every call", (kind) => {
  test("of a scrub that repairs from parity: the next one finishes, and every byte is what it was", async () => {
    const { disk, time, expected } = await withDamage();
    const sample = { kind, every: 2, first: crashKinds.indexOf(kind) % 2 };
    await atEveryCall(sample, { disk, time }, scrub, async (repository, _, when) => {
      const { postponed, healed } = await scrub(repository);
      expect(postponed, when).toEqual([]);
      expect(
        healed.filter(({ kind }) => kind === "failed"),
        when,
      ).toEqual([]);
      for (const [id, files] of expected) expect(await readBack(repository, id), when).toEqual(files);
      const { damage, coverage } = await checkRepository(repository, { opener });
      expect(damage, when).toEqual([]);
      // Where parity did not read for a moment, chunks were saved too: a copy, and the pack is whole all the same.
      expect(coverage.packs, when).toBeLessThanOrEqual(kind === "EIO" ? 3 : 2);
      expect(coverage.packsWithoutParity, when).toBe(0);
      expect(await namesOf(repository, "damaged/"), when).toEqual([]);
    });
  });

  test("of a scrub that saves what is left: what was whole stays, what is lost a new snapshot brings back", async () => {
    const { repository, disk, time, first, second, pack } = await withDamage();
    await repository.store.remove(parityPath(pack));
    await atEveryCall({ kind, every: 2 }, { disk, time }, scrub, async (repository, _, when) => {
      await scrub(repository);
      expect(await readBack(repository, second.id), when).toEqual(filesOf(weightsOf(2)));
      await commitOf(repository, weightsOf(1));
      expect(await readBack(repository, first.id), when).toEqual(filesOf(weightsOf(1)));
      const { damage, lost } = await checkRepository(repository, { opener });
      expect([damage, lost], when).toEqual([[], []]);
    });
  });
});
