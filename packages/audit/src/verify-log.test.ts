import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { canonicalJson } from "@locum/contracts";
import { afterAll, describe, expect, test } from "vitest";
import { openAuditLog } from "./audit-log.ts";
import { cosign } from "./note/cosignature.ts";
import { noteKeyOf } from "./note/note-key.ts";
import { catchUp } from "./projection/catch-up.ts";
import { openProjection } from "./projection/projection.ts";
import { projectionLines } from "./projection/projection-lines.ts";
import { readRecordLine } from "./read-record-line.ts";
import { noRecord, sealRecord } from "./seal-record.ts";
import { someEvent } from "./testing/some-event.ts";
import { verifyLog } from "./verify-log.ts";

const root = mkdtempSync(join(tmpdir(), "locum-verify-"));
afterAll(() => rmSync(root, { recursive: true }));
const signer = { name: "locum/test", privateKey: generateKeyPairSync("ed25519").privateKey };
const key = noteKeyOf(signer, "log");

/** 400 records, the first 300 of them signed, in several segments. */
async function written({ signed = true }: { signed?: boolean } = {}) {
  const dir = mkdtempSync(join(root, "log-"));
  const log = await openAuditLog({ dir, segmentBytes: 30_000, ...(signed ? { signer } : {}) });
  const events = (count: number) => Array.from({ length: count }, (_, n) => someEvent({ facts: { n } }));
  await log.append(events(300));
  await log.tree?.checkpoint();
  await log.append(events(100));
  await log.close();
  const lines = segments(dir).flatMap((path) => readFileSync(path, "utf8").trimEnd().split("\n"));
  return { dir, lines };
}
const segments = (dir: string) =>
  readdirSync(dir)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .map((name) => join(dir, name));

const forged = (seq: number) =>
  canonicalJson(sealRecord(someEvent({ reason: "forged" }), { seq: seq - 1, hash: "0".repeat(64) }));
const nothing = { altered: [], missing: [], inserted: [], witnesses: [], problems: [] };

test("a log as it was written holds, with its key, without one, and while a line is being written", async () => {
  const { dir, lines } = await written();
  expect(await verifyLog({ dir, key })).toEqual({
    ...nothing,
    ok: true,
    more: false,
    records: 400,
    signed: { origin: "locum/test", size: 300, byKey: true },
  });
  writeFileSync(segments(dir).at(-1) ?? "", lines[0]?.slice(0, 50) ?? "", { flag: "a" });
  expect(await verifyLog({ dir })).toMatchObject({ ok: true, records: 400, signed: { byKey: false } });
});

describe.for([
  ["signed", true],
  ["without any checkpoint", false],
] as const)("in a log that is %s", ([, signed]) => {
  test.for<[string, (lines: string[]) => void, object]>([
    ["a changed word", (l) => l.splice(7, 1, l[7]?.replace("golden", "g0lden") ?? ""), { altered: [7] }],
    ["noise in a line's place", (l) => l.splice(7, 1, "noise"), { altered: [7] }],
    ["a line taken out", (l) => l.splice(7, 1), { missing: [{ from: 7, to: 7 }] }],
    ["many taken out", (l) => l.splice(50, 100), { missing: [{ from: 50, to: 149 }] }],
    ["the first taken out", (l) => l.shift(), { missing: [{ from: 0, to: 0 }] }],
    ["a line put in", (l) => l.splice(7, 0, "{}"), { inserted: [{ after: 6, lines: 1 }] }],
    ["a line twice", (l) => l.splice(8, 0, l[7] ?? ""), { inserted: [{ after: 7, lines: 1 }] }],
    [
      "several at once",
      (l) => {
        l.splice(350, 1);
        l.splice(200, 1, "noise");
        l.splice(20, 2);
      },
      {
        altered: [200],
        missing: [
          { from: 20, to: 21 },
          { from: 350, to: 350 },
        ],
      },
    ],
  ])("%s is found and named", async ([, harm, found]) => {
    const { dir, lines } = await written({ signed });
    harm(lines);
    expect(await verifyLog({ dir, lines })).toMatchObject({ ...nothing, ok: false, ...found });
  });
});

test("a forged record whose own hash is right is found where it was signed, and so is a cut tail", async () => {
  const { dir, lines } = await written();
  const changed = lines.with(120, forged(120));
  expect(await verifyLog({ dir, lines: changed })).toMatchObject({ ...nothing, ok: false, altered: [120] });
  expect(await verifyLog({ dir, lines: lines.slice(0, 290) })).toMatchObject({
    ok: false,
    missing: [{ from: 290, to: 299 }],
  });
});

test("a whole history written anew is found, even where the tiles are gone", async () => {
  const { dir } = await written();
  let link = noRecord;
  const lines = Array.from({ length: 400 }, () => {
    const record = sealRecord(someEvent({ reason: "nothing happened" }), link);
    link = record;
    return canonicalJson(record);
  });
  expect((await verifyLog({ dir, lines })).altered).toHaveLength(300);
  rmSync(join(dir, "tile"), { recursive: true });
  expect(await verifyLog({ dir, lines })).toMatchObject({
    ok: false,
    problems: [expect.stringMatching(/300 records/)],
  });
  expect(await verifyLog({ dir })).toMatchObject({ ok: true });
});

test("a checkpoint of another key, a broken one, or none where there is a key, is a problem", async () => {
  const { dir } = await written();
  const other = noteKeyOf({ ...signer, privateKey: generateKeyPairSync("ed25519").privateKey }, "log");
  expect(await verifyLog({ dir, key: other })).toMatchObject({
    ok: false,
    problems: [expect.stringMatching(/not signed/)],
  });
  writeFileSync(join(dir, "checkpoint"), "noise");
  expect(await verifyLog({ dir })).toMatchObject({ ok: false, signed: null });
  rmSync(join(dir, "checkpoint"));
  expect(await verifyLog({ dir, key })).toMatchObject({
    ok: false,
    problems: [expect.stringMatching(/no checkpoint/)],
  });
  await expect(verifyLog({ dir: join(dir, "absent") })).rejects.toMatchObject({ code: "not-found" });
});

test("a projection is held against the log: a changed line and a changed column are named", async () => {
  const { dir } = await written();
  const file = join(dir, "projection.db");
  const log = await openAuditLog({ dir, signer });
  const projection = openProjection(file);
  await catchUp(projection, log);
  projection.close();
  await log.close();
  const verify = () => verifyLog({ dir, lines: projectionLines(file) });
  expect(await verify()).toMatchObject({ ok: true, records: 400 });
  const database = new DatabaseSync(file);
  database.exec("UPDATE records SET line = replace(line, 'golden', 'gulden') WHERE seq = 31");
  database.exec("UPDATE records SET kind = 'pause.change' WHERE seq = 77");
  database.exec("DELETE FROM records WHERE seq = 150");
  database.close();
  expect(await verify()).toMatchObject({ ok: false, altered: [31, 77], missing: [{ from: 150, to: 150 }] });
  expect(() => [...projectionLines(join(dir, "absent.db"))]).toThrow(/absent.db/);
});

test("any changed byte of a line shows", () => {
  const line = canonicalJson(sealRecord(someEvent(), noRecord));
  expect(readRecordLine(line)?.isWhole()).toBe(true);
  for (let at = 0; at < line.length; at += 1)
    for (const by of ["\u0000", "z", '"', "9"]) {
      if (line[at] === by) continue;
      const changed = line.slice(0, at) + by + line.slice(at + 1);
      expect(readRecordLine(changed)?.isWhole() ?? false, `${at}`).toBe(false);
    }
});

test.each([0, 1, 5])(
  "a log that was last witnessed with %i records holds, with its tiles and without",
  async (count) => {
    const dir = mkdtempSync(join(root, "witnessed-"));
    const log = await openAuditLog({ dir, signer });
    for (let n = 0; n < count; n++) await log.append([someEvent({ facts: { n } })]);
    const note = (await log.tree?.checkpoint()) ?? "";
    const witness = { name: "locum/witness/a", privateKey: generateKeyPairSync("ed25519").privateKey };
    await log.tree?.addCosignature(cosign(note, witness, 1_767_323_045), noteKeyOf(witness, "witness"));
    await log.append([someEvent({ reason: "later" })]);
    await log.tree?.checkpoint();
    await log.close();
    expect(await verifyLog({ dir, key })).toMatchObject({ ok: true, problems: [], records: count + 1 });
    rmSync(join(dir, "tile"), { recursive: true });
    expect(await verifyLog({ dir, key })).toMatchObject({ ok: true, problems: [], records: count + 1 });
  },
);
