import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkMarArchive, checkMarBytes } from "./mar-archive.ts";

const patient = new AbortController().signal;
const check = (bytes: Buffer, signal = patient) =>
  checkMarBytes(async (at, length) => bytes.subarray(at, at + length), bytes.length, signal);

type File = { name: string; data: Buffer; stored?: boolean; announced?: number };

/** A zip file as an archiver writes it. */
function zip(files: readonly File[], comment = ""): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, stored = false, announced = data.length } of files) {
    const packed = stored ? data : deflateRawSync(data);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(stored ? 0 : 8, 4);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(announced, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), fields, tail, Buffer.from(name));
    const local = [Buffer.from("PK\x03\x04", "latin1"), fields, Buffer.from(name), packed];
    parts.push(...local);
    at += local.reduce((sum, part) => sum + part.length, 0);
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, listed, end, Buffer.from(comment)]);
}

const manifest = (model: object = {}) => ({
  name: "MAR-INF/MANIFEST.json",
  data: Buffer.from(
    JSON.stringify({ model: { modelName: "m", handler: "h.py", serializedFile: "w.pt", ...model } }),
  ),
});
const handler = { name: "h.py", data: Buffer.from("def handle(data, context): return data\n".repeat(50)) };
const weights = {
  name: "w.pt",
  data: Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), Buffer.alloc(5000, 7)]),
};
const good = zip([weights, handler, manifest()]);

test.for([
  ["packed", good],
  ["stored", zip([{ ...weights, stored: true }, handler, manifest()])],
  ["with a comment", zip([weights, handler, manifest()], "made by nobody")],
  ["with one of the server's own handlers", zip([weights, manifest({ handler: "image_classifier" })])],
  ["with a function of a handler", zip([weights, handler, manifest({ handler: "h.py:handle" })])],
  ["with a pickle", zip([{ ...weights, data: Buffer.from([0x80, 2, 0x7d]) }, handler, manifest()])],
  ["without weights of its own", zip([handler, manifest({ serializedFile: undefined })])],
] as [string, Buffer][])("an archive %s passes", async ([, bytes]) => {
  await check(bytes);
});

test.for([
  ["nothing", Buffer.alloc(0), /no directory/],
  ["random bytes", Buffer.alloc(4096, 0x5a), /no directory/],
  ["half of it", good.subarray(0, good.length / 2), /no directory/],
  ["no manifest", zip([weights, handler]), /MANIFEST/],
  ["a manifest that is no JSON", zip([weights, handler, { ...manifest(), data: Buffer.from("{") }]), /JSON/],
  ["no handler named", zip([weights, handler, manifest({ handler: "" })]), /names no model or no handler/],
  ["a handler that is not there", zip([weights, manifest()]), /"h.py" is not in it/],
  ["weights that are not there", zip([handler, manifest()]), /"w.pt" is not in it/],
  [
    "random weights",
    zip([{ ...weights, data: Buffer.alloc(4096, 0x25) }, handler, manifest()]),
    /no weights/,
  ],
  [
    "a bomb",
    zip([{ ...weights, data: Buffer.alloc(5_000_000), announced: 10 }, handler, manifest()]),
    /more than/,
  ],
] as [string, Buffer, RegExp][])("%s is refused", async ([, bytes, why]) => {
  const fault = await check(bytes).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(Fault);
  expect(fault).toMatchObject({ code: "upstream-refused", message: expect.stringMatching(why) });
});

test("files that share bytes are refused", async () => {
  const bytes = Buffer.from(good);
  const second = bytes.indexOf("PK\x01\x02", bytes.indexOf("PK\x01\x02", 0, "latin1") + 4, "latin1");
  bytes.writeUInt32LE(0, second + 42);
  await expect(check(bytes)).rejects.toThrow(/share bytes/);
});

test("one flipped bit in the bytes of any file is found", async () => {
  // Stored: in deflated bytes some bits mean nothing, and the same file unpacks whatever they are.
  const pickled = { name: "w.pt", data: Buffer.concat([Buffer.from([0x80, 2]), Buffer.alloc(3000, 7)]) };
  const good = zip([pickled, handler, manifest()].map((file) => ({ ...file, stored: true })));
  const directoryAt = good.indexOf("PK\x01\x02", 0, "latin1");
  await fc.assert(
    fc.asyncProperty(fc.nat(directoryAt - 1), fc.nat(7), async (at, bit) => {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      const fault = await check(bytes).catch((error: unknown) => error);
      // Local headers repeat what the directory says, and only the directory is believed.
      if (isInHeader(good, at)) return;
      expect(fault).toBeInstanceOf(Fault);
    }),
    { numRuns: 200 },
  );
});

function isInHeader(good: Buffer, at: number): boolean {
  for (
    let from = good.indexOf("PK\x03\x04", 0, "latin1");
    from >= 0;
    from = good.indexOf("PK\x03\x04", from + 1, "latin1")
  )
    if (at >= from && at < from + 30 + good.readUInt16LE(from + 26)) return true;
  return false;
}

test("whatever the bytes are, they pass or give a Fault", async () => {
  const splices = fc.array(fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255) }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(splices, fc.nat(good.length), async (changes, length) => {
      const bytes = Buffer.from(good);
      for (const { at, byte } of changes) bytes[at] = byte;
      for (const piece of [bytes, bytes.subarray(0, length), bytes.subarray(length)]) {
        const fault = await check(piece).catch((error: unknown) => error);
        if (fault !== undefined) expect(fault).toBeInstanceOf(Fault);
      }
    }),
  );
});

test("a check ends with its time", async () => {
  const dir = await mkdtemp(join(tmpdir(), "locum-mar-"));
  await writeFile(join(dir, "m.mar"), good);
  await checkMarArchive(join(dir, "m.mar"), patient);
  await expect(checkMarArchive(join(dir, "m.mar"), AbortSignal.abort())).rejects.toMatchObject({
    code: "upstream-timeout",
  });
  await expect(checkMarArchive(join(dir, "none.mar"), patient)).rejects.toMatchObject({ code: "not-found" });
  await rm(dir, { recursive: true });
});
