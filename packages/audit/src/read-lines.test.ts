import fc from "fast-check";
import { expect, test } from "vitest";
import { linesBackward, linesForward } from "./read-lines.ts";
import { createMemoryLogFs } from "./testing/memory-log-fs.ts";

async function read(text: string, way: typeof linesForward): Promise<string[]> {
  const { fs, files } = createMemoryLogFs();
  const bytes = Buffer.from(text);
  files.set("/f", { bytes, durable: bytes.length });
  const lines: string[] = [];
  for await (const line of way(fs, { path: "/f", end: bytes.length })) lines.push(line);
  return lines;
}

test("both ways give the same lines, whatever their length", async () => {
  const line = fc.oneof(
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", "")),
    fc.constantFrom("", "x".repeat(65_535), "x".repeat(65_536), "\u00e9".repeat(40_000), "y".repeat(200_000)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
      const text = lines.map((one) => `${one}\n`).join("");
      expect(await read(text, linesForward)).toEqual(lines);
      expect(await read(text, linesBackward)).toEqual(lines.toReversed());
    }),
  );
});

test("a line without end is refused in bounded memory", async () => {
  const endless = "x".repeat(2_000_000);
  await expect(read(endless, linesForward)).rejects.toMatchObject({ code: "evidence-invalid" });
  await expect(read(endless, linesBackward)).rejects.toMatchObject({ code: "evidence-invalid" });
});
