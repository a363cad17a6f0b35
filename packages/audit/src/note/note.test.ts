import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkpointText, openCheckpoint, readCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { cosign, cosignedAt } from "./cosignature.ts";
import { noteKeyOf, noteKeyText, readNoteKey } from "./note-key.ts";
import { noteText, readNote } from "./signed-note.ts";

const signer = (name: string) => ({ name, privateKey: generateKeyPairSync("ed25519").privateKey });
const log = signer("locum/here/audit");
const key = noteKeyOf(log, "log");
const root = Buffer.alloc(32, 7);

test("a key that others published is read, and has the id that they gave it", () => {
  const vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
  const read = readNoteKey(vkey);
  expect(read).toMatchObject({ name: "sum.golang.org", kind: "log" });
  expect(noteKeyText(read)).toBe(vkey);
  expect(() => readNoteKey(vkey.replace("033d", "033e"))).toThrow(/another id/);
  expect(() => readNoteKey("")).toThrow(/note key/);
});

test("a checkpoint that others signed is proven by their key", () => {
  const note = `${checkpointText({ origin: log.name, size: 3, root })}\n`;
  expect(signCheckpoint({ size: 3, root }, log).startsWith(note)).toBe(true);
  expect(openCheckpoint(signCheckpoint({ size: 3, root }, log), key)).toEqual({
    origin: log.name,
    size: 3,
    root,
  });
});

test("another key, another name, another byte: no checkpoint", () => {
  const note = signCheckpoint({ size: 1000, root }, log);
  const invalid = expect.objectContaining({ code: "evidence-invalid" });
  expect(() => openCheckpoint(note, noteKeyOf(signer(log.name), "log"))).toThrow(invalid);
  expect(() => openCheckpoint(note, noteKeyOf({ ...log, name: "other" }, "log"))).toThrow(invalid);
  expect(() => openCheckpoint(note, noteKeyOf(log, "witness"))).toThrow(invalid);
  const bytes = Buffer.from(note);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => openCheckpoint(changed.toString(), key), `byte ${at}`).toThrow(invalid);
  }
});

test("a witness's line stands below the log's and proves the time too", () => {
  const witness = signer("sidecar-a");
  const note = signCheckpoint({ size: 5, root }, log);
  const line = cosign(note, witness, 1_767_323_045);
  const both = note + line;
  expect(openCheckpoint(both, key).size).toBe(5);
  expect(cosignedAt(both, line, noteKeyOf(witness, "witness"))).toBe(1_767_323_045);
  expect(cosignedAt(both, line, noteKeyOf(witness, "log"))).toBeUndefined();
  expect(
    cosignedAt(signCheckpoint({ size: 6, root }, log), line, noteKeyOf(witness, "witness")),
  ).toBeUndefined();
});

test("what is no note is a fault, never a crash, and what is one comes back byte for byte", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" })), (text) => {
      try {
        expect(noteText(readNote(text))).toBe(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "evidence-invalid" });
      }
    }),
  );
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, bytes) => {
      const note = signCheckpoint({ size, root: Buffer.from(bytes) }, log);
      expect(noteText(readNote(note))).toBe(note);
    }),
  );
  for (const text of ["o\n01\n\n", "o\n-1\n\n", `o\n99999999999999999999\n${root.toString("base64")}\n`])
    expect(() => readCheckpoint(text)).toThrow(/origin, size and root/);
});
