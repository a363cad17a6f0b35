import { expect, test } from "vitest";
import { makeDirs } from "../../durable.ts";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import { swapCurrent } from "./swap-current.ts";

const to = "/srv/model";
const nameOf = (turn: number) => `01KE000000000000000000000${turn}`;

async function withVersions(count: number) {
  const { fs } = createMemoryFs();
  for (let turn = 0; turn < count; turn++) await makeDirs(fs, `${to}/versions/${nameOf(turn)}/1`);
  return fs;
}

test("the link leads to the version, and back again", async () => {
  const fs = await withVersions(2);
  const swap = (turn: number) => swapCurrent({ fs, to, version: `${to}/versions/${nameOf(turn)}` });
  expect(await swap(0)).toEqual({ current: nameOf(0), before: null, removed: [] });
  expect(await swap(1)).toEqual({ current: nameOf(1), before: nameOf(0), removed: [] });
  expect(await fs.readlink(`${to}/current`)).toBe(`versions/${nameOf(1)}`);
  expect(await swap(0)).toEqual({ current: nameOf(0), before: nameOf(1), removed: [] });
  expect(await swap(0)).toEqual({ current: nameOf(0), before: nameOf(0), removed: [] });
});

test("the version before stays, and of older ones the newest", async () => {
  const fs = await withVersions(5);
  await fs.mkdir(`${to}/versions/mine`);
  await swapCurrent({ fs, to, version: nameOf(0), kept: 9 });
  const { removed } = await swapCurrent({ fs, to, version: nameOf(4), kept: 2 });
  expect(removed.sort()).toEqual([nameOf(1), nameOf(2)]);
  expect((await fs.readdir(`${to}/versions`)).sort()).toEqual([nameOf(0), nameOf(3), nameOf(4), "mine"]);
});

test("what a removal left behind when it was cut off goes with the next one", async () => {
  const fs = await withVersions(1);
  await makeDirs(fs, `${to}/versions/.locum-removed-${nameOf(7)}/1`);
  await swapCurrent({ fs, to, version: nameOf(0) });
  expect(await fs.readdir(`${to}/versions`)).toEqual([nameOf(0)]);
});

test("not from another version than the expected one", async () => {
  const fs = await withVersions(3);
  await swapCurrent({ fs, to, version: nameOf(0), expected: null });
  const swap = swapCurrent({ fs, to, version: nameOf(2), expected: nameOf(1) });
  await expect(swap).rejects.toMatchObject({ code: "tree-changed" });
  expect(await fs.readlink(`${to}/current`)).toBe(`versions/${nameOf(0)}`);
  await swapCurrent({ fs, to, version: nameOf(2), expected: nameOf(0) });
});

test.for(["../../etc", "mine", ".locum-restore-x", nameOf(8)])("not to %s", async (version) => {
  const fs = await withVersions(1);
  await fs.mkdir(`${to}/versions/mine`);
  await expect(swapCurrent({ fs, to, version })).rejects.toMatchObject({ code: "refused" });
});

test("a folder named current is not replaced", async () => {
  const fs = await withVersions(1);
  await fs.mkdir(`${to}/current`);
  await expect(swapCurrent({ fs, to, version: nameOf(0) })).rejects.toMatchObject({ code: "refused" });
});

test("nor through a folder of versions that is a link", async () => {
  const fs = await withVersions(1);
  await makeDirs(fs, "/srv/linked");
  await fs.symlink(`${to}/versions`, "/srv/linked/versions");
  const swap = swapCurrent({ fs, to: "/srv/linked", version: nameOf(0) });
  await expect(swap).rejects.toMatchObject({ code: "refused" });
});
