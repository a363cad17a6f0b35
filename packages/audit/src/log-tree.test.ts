import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { canonicalJson } from "@locum/contracts";
import { expect, test } from "vitest";
import { openAuditLog } from "./audit-log.ts";
import { leafHash } from "./merkle/merkle-hash.ts";
import { isConsistent, isIncluded } from "./merkle/verify-proof.ts";
import { openCheckpoint } from "./note/checkpoint.ts";
import { cosign } from "./note/cosignature.ts";
import { noteKeyOf } from "./note/note-key.ts";
import { genesis, sealRecord } from "./seal-record.ts";
import { createMemoryLogFs } from "./testing/memory-log-fs.ts";
import { someEvent } from "./testing/some-event.ts";

const dir = "/log";
const signer = { name: "locum/test", privateKey: generateKeyPairSync("ed25519").privateKey };
const key = noteKeyOf(signer, "log");
const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => someEvent({ facts: { index: from + index } }));

/** A log of 600 records with a checkpoint. */
async function signed() {
  const disk = createMemoryLogFs();
  const open = () => openAuditLog({ dir, fs: disk.fs, signer, segmentBytes: 20_000 });
  const log = await open();
  await log.append(numbered(600));
  const note = (await log.tree?.checkpoint()) ?? "";
  await log.close();
  return { ...disk, open, note };
}

test("a checkpoint, its tiles and its proofs say the same, after reopening too", async () => {
  const { open, files, note } = await signed();
  expect([...files.keys()].filter((path) => path.includes("tile")).sort()).toEqual(
    ["0/000", "0/001", "0/002.p/88", "1/000.p/2"].map((path) => join(dir, "tile", path)),
  );
  const log = await open();
  const { size, root } = openCheckpoint(note, key);
  for (const record of await log.query({ limit: 10, afterSeq: 250 })) {
    const proof = (await log.tree?.inclusion(record.seq, size)) ?? [];
    const leaf = leafHash(canonicalJson(record));
    expect(isIncluded({ leaf, index: record.seq, size, root, proof })).toBe(true);
  }
  expect(await log.tree?.checkpoint()).toBe(note);
  await log.append(numbered(1000, 600));
  const newer = openCheckpoint((await log.tree?.checkpoint()) ?? "", key);
  const proof = (await log.tree?.consistency(size)) ?? [];
  expect(isConsistent({ old: { size, root }, newer, proof })).toBe(true);
  expect([...files.keys()].filter((path) => path.includes(".p/"))).toHaveLength(2);
});

test("a log that was written without a signer grows its tree when it is opened with one", async () => {
  const disk = createMemoryLogFs();
  const plain = await openAuditLog({ dir, fs: disk.fs });
  await plain.append(numbered(300));
  expect(plain.tree).toBeNull();
  await plain.close();
  const log = await openAuditLog({ dir, fs: disk.fs, signer });
  expect(log.tree?.size()).toBe(300);
  expect(openCheckpoint((await log.tree?.checkpoint()) ?? "", key).size).toBe(300);
  expect(await log.tree?.inclusion(7)).toHaveLength(9);
});

test("records that were signed and are gone keep the log from opening", async () => {
  const { open, files } = await signed();
  const last =
    [...files.keys()]
      .filter((path) => path.endsWith(".jsonl"))
      .sort()
      .at(-1) ?? "";
  const file = files.get(last);
  if (!file) throw new Error("there is a last segment");
  // Cut at a line: the chain alone does not see it.
  file.bytes = file.bytes.subarray(0, file.bytes.lastIndexOf(10, file.bytes.length - 2) + 1);
  await expect(open()).rejects.toMatchObject({
    code: "evidence-invalid",
    message: expect.stringMatching(/600 records/),
  });
});

test("a history that was written anew, with a chain that holds, is not the one that was signed", async () => {
  const { open, files } = await signed();
  for (const path of files.keys()) if (!path.endsWith("checkpoint")) files.delete(path);
  let link = { seq: -1, hash: genesis };
  const lines = numbered(600).map((event, index) => {
    const record = sealRecord(index === 300 ? { ...event, reason: "nothing happened" } : event, link);
    link = record;
    return `${canonicalJson(record)}\n`;
  });
  const bytes = Buffer.from(lines.join(""));
  files.set(join(dir, "00000000000000000000.jsonl"), { bytes, durable: bytes.length });
  await expect(open()).rejects.toMatchObject({
    code: "evidence-invalid",
    message: expect.stringMatching(/not those/),
  });
});

test("a checkpoint of another key, or a broken one, keeps the log from opening", async () => {
  const { fs, files } = await signed();
  const thief = { ...signer, privateKey: generateKeyPairSync("ed25519").privateKey };
  const invalid = { code: "evidence-invalid" };
  await expect(openAuditLog({ dir, fs, signer: thief })).rejects.toMatchObject(invalid);
  files.set(join(dir, "checkpoint"), { bytes: Buffer.from("locum"), durable: 5 });
  await expect(openAuditLog({ dir, fs, signer })).rejects.toMatchObject(invalid);
});

test("tiles that are lost or damaged are made again from the records", async () => {
  for (const harm of ["0/000", "0/001", "0/002.p/88", "1/000.p/2"]) {
    const { open, files, note } = await signed();
    const tile = files.get(join(dir, "tile", harm));
    if (tile) tile.bytes[5] = (tile.bytes[5] ?? 0) ^ 1;
    const log = await open();
    const { size, root } = openCheckpoint(note, key);
    for (const seq of [0, 300, 599]) {
      const [record] = await log.query({ afterSeq: seq - 1, limit: 1 });
      const leaf = leafHash(canonicalJson(record));
      const proof = (await log.tree?.inclusion(seq, size)) ?? [];
      expect(isIncluded({ leaf, index: seq, size, root, proof }), harm).toBe(true);
    }
  }
});

test("a witness's line is kept with the checkpoint that it is of, and with no other", async () => {
  const { open, note } = await signed();
  const witness = { name: "sidecar-a", privateKey: generateKeyPairSync("ed25519").privateKey };
  const line = cosign(note, witness, 1_767_323_045);
  const log = await open();
  const witnessKey = noteKeyOf(witness, "witness");
  expect(await log.tree?.addCosignature(line, witnessKey)).toBe(true);
  expect(await log.tree?.addCosignature(line, witnessKey)).toBe(true);
  await log.close();
  const again = await open();
  expect(again.tree?.note()).toBe(note + line);
  await again.append(numbered(1, 600));
  await again.tree?.checkpoint();
  expect(await again.tree?.addCosignature(line, witnessKey)).toBe(false);
});
