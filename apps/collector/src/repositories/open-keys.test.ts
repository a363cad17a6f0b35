import { createHmac, randomBytes } from "node:crypto";
import {
  keyOpener,
  loadIndex,
  moveRef,
  neededFiles,
  openFileKeys,
  readSnapshot,
} from "@locum/snapshot/repository";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type KeptRig, keepForTest } from "./kept-repositories.fixture.ts";
import { grantMs } from "./key-grants.ts";
import { newTestRepository, type TestRepository } from "./repository.fixture.ts";

let kept: TestRepository;
let rig: KeptRig;
let [released, other, unnamed] = ["", "", ""];
const release = `release-${"a".repeat(40)}`;

beforeEach(async () => {
  kept = await newTestRepository();
  unnamed = await kept.commit();
  released = await kept.commit();
  await kept.commit();
  await moveRef(
    kept.repository,
    { model: "s", channel: release },
    { snapshot: released, by: "test", expected: null },
  );
  other = await kept.commit(undefined, { model: "t" });
  rig = await keepForTest(kept, { services: ["s", "t"] });
  await vi.waitFor(() => expect(rig.events("snapshot.drill")).toHaveLength(2));
});
afterEach(async () => {
  await rig.close();
  kept.close();
});

const opener = () => keyOpener(kept.privateKey);
const filesOf = async (id: string): Promise<string[]> => {
  const { body } = await readSnapshot(kept.repository, id, { opener: opener() });
  const { index } = await loadIndex(kept.repository, { for: "reader" });
  return [...neededFiles(id, body, index)];
};
const ask = (id: string, files: string[], more: { service?: string; instance?: string } = {}) =>
  rig.repositories.keys({ service: "s", instance: "a", id, files, actor: "token:sidecar", ...more });
const grants = () => rig.events("snapshot.key").map(({ instance, facts }) => [instance, facts.outcome]);
const unknown = { code: "not-found" };

test("a restore gets the keys of its files, and one record says so for ten minutes", async () => {
  const files = await filesOf(released);
  const { keys } = await ask(released, files);
  expect(keys.map(({ name }) => name)).toEqual(files);
  for (const { name, fileKey, idKey } of keys) {
    const right = await openFileKeys(kept.repository, { name, opener: opener() });
    expect(fileKey).toBe(Buffer.from(right.fileKey).toString("base64"));
    expect(idKey).toBe(Buffer.from(kept.repository.idKey).toString("base64"));
  }
  await rig.hand.advance(grantMs - 1);
  await ask(released, files.slice(1));
  expect(rig.events("snapshot.key")).toMatchObject([
    {
      service: "s",
      instance: "a",
      actor: "token:sidecar",
      facts: { outcome: "granted", snapshot: released, files: files.length, lastsMs: grantMs },
    },
  ]);
  await rig.hand.advance(1);
  await ask(released, files);
  await ask(released, files, { instance: "b" });
  expect(grants()).toEqual([
    ["a", "granted"],
    ["a", "granted"],
    ["b", "granted"],
  ]);
});

test("questions at once are one grant", async () => {
  const files = await filesOf(released);
  await Promise.all(Array.from({ length: 20 }, () => ask(released, files)));
  expect(grants()).toEqual([["a", "granted"]]);
});

test("what is not the service's, not named or not there is answered alike", async () => {
  const foreign = await filesOf(other);
  const own = await filesOf(released);
  const absent = "0".repeat(26);
  const answers: unknown[] = [];
  for (const [id, files] of [
    [other, foreign],
    [unnamed, await filesOf(unnamed)],
    [absent, [`snaps/${absent}.sn`]],
    [released, foreign.slice(1)],
    [released, [...own, ...foreign]],
    [released, [`packs/00/${"0".repeat(64)}.pk`]],
  ] as const) {
    const error = await ask(id, [...files]).catch((error: unknown) => error);
    expect(error).toMatchObject(unknown);
    answers.push(String((error as Error).message).replace(id, "ID"));
    await rig.hand.advance(60_000);
  }
  expect(new Set(answers).size).toBe(1);
  expect(new Set(grants().map(String))).toEqual(new Set(["a,refused"]));
});

test("a snapshot of another service in a channel of one's own is not one's own", async () => {
  // Who holds the id key can write any channel; the manifest itself says whose it is.
  const { store, macKey } = kept.repository;
  await expect(
    moveRef(
      kept.repository,
      { model: "s", channel: "served" },
      { snapshot: other, by: "thief", expected: null },
    ),
  ).rejects.toMatchObject({ code: "refused" });
  // So it is written as `moveRef` would, without its question.
  const name = "refs/s/served/0000000000000001";
  const json = JSON.stringify({ name, snapshot: other, at: new Date().toISOString(), by: "thief" });
  const mac = createHmac("sha256", macKey).update(json).digest("hex");
  await store.create(name, [Buffer.from(`${json}\n${mac}\n`)]);
  await expect(ask(other, await filesOf(other))).rejects.toMatchObject(unknown);
});

test("no key leaves whose grant could not be recorded", async () => {
  const files = await filesOf(released);
  rig.audit.failWith(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
  await expect(ask(released, files)).rejects.toMatchObject({ code: "disk-full" });
  await expect(ask(released, files)).rejects.toMatchObject({ code: "disk-full" });
  rig.audit.failWith(null);
  await rig.gate.retry();
  await ask(released, files);
  expect(grants().at(-1)).toEqual(["a", "granted"]);
});

test("who asks too often waits, and the others do not", async () => {
  const files = await filesOf(released);
  const outcomes = async (count: number) => {
    const codes: string[] = [];
    for (let n = 0; n < count; n++)
      codes.push(
        await ask(released, files).then(
          () => "ok",
          ({ code }) => code,
        ),
      );
    return codes;
  };
  const codes = await outcomes(45);
  expect(codes.slice(0, 40)).toEqual(Array(40).fill("ok"));
  expect(codes.slice(40)).toEqual(Array(5).fill("too-many-requests"));
  await ask(released, files, { instance: "b" });
  await rig.hand.advance(1000);
  expect((await outcomes(12)).filter((code) => code === "ok")).toHaveLength(10);
});

test("a thief who tries one snapshot after another is slowed down", async () => {
  const tries = Array.from({ length: 10 }, () => randomBytes(13).toString("hex").toUpperCase());
  const codes: string[] = [];
  for (const id of tries) codes.push(await ask(id, [`snaps/${id}.sn`]).catch(({ code }) => code));
  expect(codes).toEqual([...Array(6).fill("not-found"), ...Array(4).fill("too-many-requests")]);
});
