import { Fault } from "@locum/contracts";
import { bytesSource } from "@locum/snapshot/repository";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTar } from "./read-tar.ts";
import { padding, type TarEntry, tarChecksum, tarHeader } from "./tar-header.ts";

const read = (bytes: Uint8Array) => readTar(bytesSource(bytes));
const archive = (entries: readonly (TarEntry & { bytes?: Uint8Array })[]): Buffer =>
  Buffer.concat([
    ...entries.flatMap(({ bytes = new Uint8Array(), ...entry }) => [
      tarHeader(entry),
      bytes,
      padding(bytes.length),
    ]),
    new Uint8Array(1024),
  ]);
const fileOf = (path: string, text = "") => {
  const bytes = Buffer.from(text);
  return { path, kind: "file" as const, mode: 0o644, mtimeNs: 0n, size: bytes.length, bytes };
};

/** Some fields of a header overwritten, and its sum made right again. */
function altered(header: Uint8Array, at: number, text: string): Uint8Array {
  const bytes = Buffer.from(header);
  bytes.write(text, at, "latin1");
  bytes.write(`${tarChecksum(bytes).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

const part = fc
  .string({ unit: fc.constantFrom("a", "b", "é", "模", " ", ".", "-", "x"), minLength: 1, maxLength: 60 })
  .filter((text) => text !== "." && text !== "..");
const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));

test("what was written is read, whatever the names, modes and times", async () => {
  const entry = fc.record({
    path,
    mode: fc.nat(0o7777),
    mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }),
    text: fc.string({ maxLength: 1500 }),
  });
  const entries = fc.uniqueArray(entry, { selector: ({ path }) => path, minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(entries, async (wanted) => {
      const bytes = archive(wanted.map(({ text, ...rest }) => ({ ...fileOf(rest.path, text), ...rest })));
      const found = await read(bytes);
      const shown = found.map(({ path, mode, mtimeNs, start, size }) => {
        const text = bytes.toString("utf8", start, start + size);
        return { path, mode, mtimeNs, text };
      });
      const expected = wanted.map(({ text, ...rest }) => ({
        ...rest,
        text: Buffer.from(text).toString("utf8"),
      }));
      expect(shown).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test("other bytes give a fault or members that lie inside, never anything else", async () => {
  const good = archive([fileOf("a/b.bin", "some bytes"), fileOf("模".repeat(60), "more")]);
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  const changes = fc.array(change, { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(changes, fc.nat(good.length), async (edits, length) => {
      const bytes = Buffer.from(good.subarray(0, length));
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
      try {
        for (const { start, size, path } of await read(bytes)) {
          expect(start + size).toBeLessThanOrEqual(bytes.length);
          expect(path.split("/")).not.toContain("..");
        }
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
      }
    }),
    { numRuns: 300 },
  );
});

describe("an archive that is refused", () => {
  const header = tarHeader(fileOf("file"));
  test.for<[string, Uint8Array, RegExp]>([
    ["a name that leads out", archive([fileOf("../../etc/passwd", "x")]), /has a member/],
    ["an absolute name", archive([fileOf("/etc/passwd", "x")]), /has a member/],
    ["a name with a backslash", archive([fileOf("a\\b", "x")]), /has a member/],
    ["compressed bytes", Buffer.from("1f8b0800".padEnd(2048, "0"), "hex"), /no header at byte 0/],
    ["nothing", new Uint8Array(1024), /holds nothing/],
    ["a size beyond its end", altered(header, 124, "77777777777\0"), /ends within file/],
    ["a size that is too large", altered(header, 124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff"), /too large/],
    ["a size that is none", altered(header, 124, "size"), /a number that is none/],
    ["a sparse file", altered(header, 156, "S"), /sparse/],
    [
      "a pax record that is none",
      Buffer.concat([
        altered(tarHeader(fileOf("p", "99 path=x\n")), 156, "x"),
        Buffer.from("99 path=x\n"),
        padding(10),
      ]),
      /pax record/,
    ],
    ["a hard link to nothing", altered(altered(header, 156, "1"), 157, "absent"), /hard link/],
  ])("%s", async ([, bytes, message]) => {
    await expect(read(bytes)).rejects.toThrow(message);
    await expect(read(bytes)).rejects.toBeInstanceOf(Fault);
  });
});

test("a hard link has the bytes of its file, a later member takes an earlier one's place", async () => {
  const link = altered(altered(tarHeader(fileOf("b")), 156, "1"), 157, "./a");
  const bytes = Buffer.concat([archive([fileOf("./a", "old"), fileOf("a", "new")]).subarray(0, 2048), link]);
  const members = await read(bytes);
  expect(members.map(({ path, start, size }) => [path, bytes.toString("utf8", start, start + size)])).toEqual(
    [
      ["a", "new"],
      ["b", "new"],
    ],
  );
});
