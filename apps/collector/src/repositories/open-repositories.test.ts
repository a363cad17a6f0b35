import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Release, treeChunkBytes } from "@locum/contracts";
import { treeOf } from "@locum/snapshot";
import { moveRef, readRef } from "@locum/snapshot/repository";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { handClock } from "./hand-clock.fixture.ts";
import { type KeptRig, keepForTest } from "./kept-repositories.fixture.ts";
import { newTestRepository, type TestRepository } from "./repository.fixture.ts";

let kept: TestRepository;
const open: KeptRig[] = [];
beforeEach(async () => {
  kept = await newTestRepository();
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  kept.close();
});
const keep = async (options: Parameters<typeof keepForTest>[1] = {}) => {
  const rig = await keepForTest(kept, options);
  open.push(rig);
  return rig;
};
const stop = async (rig: KeptRig) => {
  open.splice(open.indexOf(rig), 1);
  await rig.close();
};
const until = <T>(look: () => T) => vi.waitFor(look, { timeout: 8000 });
const minuteMs = 60_000;

test("the first snapshot is drilled when it is seen, and counts from then on", async () => {
  const id = await kept.commit({ "a/model.bin": randomBytes(3_000_000), "config.json": Buffer.from("{}") });
  const { repositories, events, hand } = await keep();
  await until(() => expect(repositories.view("s").drill).not.toBeNull());
  await until(() => expect(repositories.view("s").restorable).toBe(true));
  const view = repositories.view("s");
  expect(view).toMatchObject({
    problem: null,
    verified: id,
    reason: "",
    drill: { snapshot: id, outcome: "passed", code: "ok", files: 2, bytes: 3_000_002, release: null },
    escrowAgeMs: null,
    escrowDue: true,
    quotaBytes: 1_000_000_000,
  });
  expect(view.bytes).toBeGreaterThan(3_000_000);
  const before = view.rpoAgeMs ?? Number.NaN;
  await hand.advance(minuteMs);
  expect((repositories.view("s").rpoAgeMs ?? 0) - before).toBe(minuteMs);
  expect(events("snapshot.drill")).toMatchObject([
    { service: "s", facts: { snapshot: id, outcome: "passed", bytes: 3_000_002, moved: "last-verified" } },
  ]);
  expect(repositories.snapshots("s")).toMatchObject([{ id, channels: ["last-verified", "latest"] }]);
});

const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const releaseOf = (path: string, bytes: Uint8Array, digest: string): Release => {
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length; at += treeChunkBytes)
    chunks.push(hex(bytes.subarray(at, at + treeChunkBytes)));
  const tree = treeOf([
    { path, size: bytes.length, digest: hex(Buffer.from(chunks.join(""), "hex")), chunks },
  ]);
  return { digest, body: { service: "s", tree }, approvals: [] } as unknown as Release;
};

test.each([
  ["proven", true],
  ["not proven", false],
])("a drill knows the files of a release, which is %s", async (_, isProven) => {
  // More than a chunk of a tree, and not a multiple of one.
  const bytes = randomBytes(treeChunkBytes + 1_500_000);
  const id = await kept.commit({ "m.bin": bytes, ".locum/include/0/tokenizer.json": randomBytes(10) });
  const other = releaseOf("m.bin", randomBytes(bytes.length), "sha256:other");
  const right = releaseOf("m.bin", bytes, "sha256:right");
  const { repositories, events } = await keep({
    releases: [other, right],
    proven: isProven ? ["sha256:right"] : [],
  });
  await until(() => expect(repositories.view("s").drill?.release).toBe("sha256:right"));
  await until(() => expect(events("snapshot.drill")).toHaveLength(1));
  const passed = await readRef(kept.repository, { model: "s", channel: "last-drill-passed" });
  expect(passed?.snapshot).toBe(isProven ? id : undefined);
});

/** In the middle of a pack's records. */
function damagePack(): string {
  const [folder = ""] = readdirSync(join(kept.place, "packs"));
  const [name = ""] = readdirSync(join(kept.place, "packs", folder)).filter((each) => each.endsWith(".pk"));
  const file = join(kept.place, "packs", folder, name);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  return file;
}

const withoutParity = (): void => {
  for (const folder of readdirSync(join(kept.place, "packs")))
    for (const name of readdirSync(join(kept.place, "packs", folder)))
      if (!name.endsWith(".pk")) rmSync(join(kept.place, "packs", folder, name));
};

test("a failed drill says why nothing can be restored", async () => {
  const id = await kept.commit();
  damagePack();
  withoutParity();
  const { repositories, events } = await keep();
  await until(() => expect(repositories.view("s").drill?.outcome).toBe("failed"));
  expect(repositories.view("s")).toMatchObject({ restorable: false, verified: null, rpoAgeMs: null });
  expect(repositories.view("s").reason).toContain("model.bin");
  await until(() =>
    expect(events("snapshot.drill")).toMatchObject([
      { facts: { snapshot: id, outcome: "failed", code: "snapshot-corrupt" } },
    ]),
  );
  expect(await readRef(kept.repository, { model: "s", channel: "last-verified" })).toBeUndefined();
});

test("a drill that meets damage mends it from parity, and passes", async () => {
  const id = await kept.commit();
  damagePack();
  const { repositories, events } = await keep();
  await until(() => expect(repositories.view("s")).toMatchObject({ restorable: true, verified: id }));
  expect(events("snapshot.drill")).toMatchObject([{ facts: { outcome: "passed", mended: 1 } }]);
});

test("a torn snapshot is no snapshot to drill, and none that counts", async () => {
  await kept.commit({ "m.bin": randomBytes(10) }, { torn: true });
  const { repositories, hand } = await keep();
  await until(() => expect(repositories.view("s").lookedAtMs).not.toBeNull());
  repositories.drill("s");
  await until(() => expect(repositories.view("s").drilling).toBe(false));
  await hand.advance(minuteMs);
  expect(repositories.view("s")).toMatchObject({
    drill: null,
    restorable: false,
    reason: "no snapshot was verified yet",
  });
});

/** Rules that keep one and no more, at a time that comes in a minute. */
const soon = (wallMs: number, config: object = {}) => {
  const at = new Date(wallMs + minuteMs);
  const never = "0 0 29 2 *";
  return {
    drill: never,
    scrub: never,
    prune: `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`,
    keep: { last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0 },
    ...config,
  };
};

test("what no rule keeps is forgotten at its time: recorded before, and nothing that is held", async () => {
  // Two hours on: what was stored within the last one stays whatever the rules say.
  const hand = handClock(Date.now() + 7_200_000);
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push(await kept.commit());
  const foreign = [
    await kept.commit(undefined, { model: "t" }),
    await kept.commit(undefined, { model: "t" }),
  ];
  const [verified = "", held = "", old = "", older = "", newest = ""] = ids;
  const hold = (channel: string, snapshot: string) =>
    moveRef(kept.repository, { model: "s", channel }, { snapshot, by: "test", expected: null });
  await hold("last-verified", verified);
  await hold("hold-case", held);
  const { repositories, events } = await keep({ hand, config: soon(hand.clock.wallMs()) });
  await until(() => expect(repositories.view("s").drill?.snapshot).toBe(newest));
  const before = repositories.snapshots("s").map(({ id }) => id);
  expect(before).toHaveLength(5);
  await hand.advance(minuteMs);
  await until(() => expect(events("snapshot.prune")).toHaveLength(2));
  expect(events("snapshot.forget").map(({ facts }) => facts)).toMatchObject([
    { outcome: "begun", count: 3, snapshots: [verified, old, older].join(" ") },
    { outcome: "done", count: 3 },
  ]);
  expect(events("snapshot.prune").map(({ facts }) => facts.outcome)).toEqual(["begun", "done"]);
  await until(() => expect(repositories.snapshots("s").map(({ id }) => id)).toEqual([newest, held]));
  expect(readdirSync(join(kept.place, "snaps")).sort()).toEqual(
    [held, newest, ...foreign].map((id) => `${id}.sn`).sort(),
  );
});

test("where nothing can be recorded nothing is forgotten, and it is done when it can", async () => {
  const hand = handClock(Date.now() + 7_200_000);
  const [first, second] = [await kept.commit(), await kept.commit()];
  const { repositories, events, audit, gate } = await keep({ hand, config: soon(hand.clock.wallMs()) });
  await until(() => expect(events("snapshot.drill")).toHaveLength(1));
  audit.failWith(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
  await hand.advance(minuteMs);
  await until(() => expect(gate.waiting()).toBe(2));
  expect(() => repositories.drill("s")).toThrow(expect.objectContaining({ code: "disk-full" }));
  expect(readdirSync(join(kept.place, "snaps")).sort()).toEqual([`${first}.sn`, `${second}.sn`].sort());
  audit.failWith(null);
  await gate.retry();
  await hand.advance(minuteMs);
  await until(() => expect(events("snapshot.prune")).toHaveLength(2));
  const outcomes = events("snapshot.forget").map(({ facts: { outcome } }) => outcome);
  expect(outcomes).toEqual(["begun", "refused", "begun", "done"]);
  expect(readdirSync(join(kept.place, "snaps"))).toEqual([`${second}.sn`]);
});

const scrubbing = { scrub: "* * * * *", scrubSlices: 3, drill: "0 0 29 2 *", prune: "0 0 29 2 *" };
const scrubs = async (rig: KeptRig, count: number) => {
  const before = rig.events("snapshot.scrub").length;
  for (let n = 1; n <= count; n++) {
    await rig.hand.advance(minuteMs);
    await until(() => expect(rig.events("snapshot.scrub")).toHaveLength(before + n));
    await until(() => expect(rig.repositories.view("s").scrub?.slice).not.toBeUndefined());
  }
};

test("damage is mended from parity, slice by slice, and restarts go on with the next slice", async () => {
  await kept.commit();
  const first = await keep({ config: scrubbing });
  await until(() => expect(first.events("snapshot.drill")).toHaveLength(1));
  damagePack();
  await scrubs(first, 1);
  await until(() => expect(first.repositories.view("s").scrub?.slice).toBe(1));
  await stop(first);

  const hand = handClock(first.hand.clock.wallMs());
  const second = await keep({ config: scrubbing, dataDir: first.dataDir, hand });
  expect(second.repositories.view("s")).toMatchObject({
    scrub: { slice: 1, slices: 3, wholeSinceMs: null },
    drill: first.repositories.view("s").drill,
  });
  await scrubs(second, 2);
  await until(() =>
    expect(second.repositories.view("s").scrub).toMatchObject({
      slice: 3,
      wholeSinceMs: expect.any(Number),
      damaged: [],
    }),
  );
  const slices = [...first.events("snapshot.scrub"), ...second.events("snapshot.scrub")];
  expect(slices.map(({ facts }) => facts.slice)).toEqual([1, 2, 3]);
  expect(slices.map(({ facts }) => facts.mended).toSorted()).toEqual([0, 0, 1]);
  second.repositories.drill("s");
  await until(() =>
    expect(second.events("snapshot.drill")).toMatchObject([{ facts: { outcome: "passed" } }]),
  );
});

test("damage that cannot be mended is named until a pass does not find it, and what it costs is told", async () => {
  const id = await kept.commit();
  const rig = await keep({ config: { ...scrubbing, scrubSlices: 1 } });
  await until(() => expect(rig.repositories.view("s").restorable).toBe(true));
  const pack = damagePack();
  const whole = readFileSync(pack);
  withoutParity();
  await scrubs(rig, 1);
  await until(() => expect(rig.repositories.view("s").restorable).toBe(false));
  const view = rig.repositories.view("s");
  expect(view.reason).toContain(id);
  expect(view.scrub?.damaged).toEqual([expect.stringMatching(/^packs\/.*\.pk$/)]);
  expect(rig.events("snapshot.scrub")[0]).toMatchObject({
    facts: { outcome: "damaged", damaged: 1, lost: 1 },
  });
  whole[whole.length >> 1] = (whole[whole.length >> 1] ?? 0) ^ 1;
  writeFileSync(pack, whole);
  await scrubs(rig, 2);
  await until(() =>
    expect(rig.repositories.view("s")).toMatchObject({ restorable: true, scrub: { damaged: [] } }),
  );
});

test("a pack that vanished costs the snapshots that need it", async () => {
  const id = await kept.commit();
  const rig = await keep({ config: scrubbing });
  await until(() => expect(rig.repositories.view("s").restorable).toBe(true));
  rmSync(damagePack());
  await scrubs(rig, 1);
  await until(() => expect(rig.repositories.view("s").reason).toContain(id));
});

test("a storage that is away is told, and what was due is done when it is back", async () => {
  const id = await kept.commit();
  kept.away();
  const { repositories, hand, events } = await keep();
  await until(() => expect(repositories.view("s").problem).toMatchObject({ code: "snapshot-missing" }));
  repositories.drill("s");
  expect(repositories.view("s")).toMatchObject({ restorable: false, drilling: true });
  await hand.advance(10 * minuteMs);
  expect(events("snapshot.drill")).toEqual([]);
  kept.back();
  await hand.advance(10 * minuteMs);
  await until(() => expect(repositories.view("s")).toMatchObject({ restorable: true, verified: id }));
  expect(repositories.view("s").problem).toBeNull();
});

test("a pin is recorded before it holds, and a name that is none is refused", async () => {
  const [old, id] = [await kept.commit(), await kept.commit()];
  const { repositories, events } = await keep();
  await until(() => expect(repositories.snapshots("s")).toHaveLength(2));
  const asked = { service: "s", channel: "hold-case", reason: "case 4711", actor: "token:ann" };
  expect(await repositories.pin({ ...asked, snapshot: old })).toEqual({
    service: "s",
    channel: "hold-case",
    snapshot: old,
    before: null,
  });
  expect(await repositories.pin({ ...asked, snapshot: id })).toMatchObject({ before: old });
  expect(repositories.snapshots("s").find((one) => one.id === id)?.channels).toContain("hold-case");
  expect(await repositories.pin({ ...asked, snapshot: null })).toMatchObject({ before: id });
  await expect(repositories.pin({ ...asked, snapshot: "0".repeat(26) })).rejects.toMatchObject({
    code: "snapshot-missing",
  });
  expect(events("snapshot.pin").map(({ actor, facts: { outcome } }) => [actor, outcome])).toEqual([
    ...["begun", "done", "begun", "done", "begun", "done", "begun", "failed"].map((o) => ["token:ann", o]),
  ]);
});

test("a service without a repository has none, whoever asks", async () => {
  const { repositories } = await keep({ config: { services: ["s"] }, services: ["s", "t"] });
  expect(() => repositories.view("t")).toThrow(expect.objectContaining({ code: "not-found" }));
  expect(repositories.views().map(({ service }) => service)).toEqual(["s"]);
});
