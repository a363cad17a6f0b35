import { readFileSync } from "node:fs";
import { CollectorFrame, frameBytesMax, SidecarFrame } from "@locum/contracts";
import { expect, test } from "vitest";

const document = readFileSync(new URL("../../../docs/stream.md", import.meta.url), "utf8");
/** First column of the table under a heading, without its marks. */
const column = (heading: string): string[] => {
  const [, after = ""] = document.split(`## ${heading}\n`);
  const [section = ""] = after.split("\n## ");
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(1).map((row) => row.split("|")[1]?.trim().replaceAll("`", "") ?? "");
};
const kindsOf = (union: typeof SidecarFrame | typeof CollectorFrame): string[] =>
  union.options.map((option) => option.shape.kind.value);

test("docs/stream.md has every frame of both directions, in the order of the schemas", () => {
  expect(column("Frames from the sidecar")).toEqual(kindsOf(SidecarFrame));
  expect(column("Frames from the collector")).toEqual(kindsOf(CollectorFrame));
});

test("docs/stream.md has the size limit and every close code that the code uses", () => {
  expect(document).toContain(frameBytesMax.toLocaleString("en").replaceAll(",", " "));
  const sources = ["stream-hub.ts", "stream-session.ts"].map((name) =>
    readFileSync(new URL(`adapters/${name}`, import.meta.url), "utf8"),
  );
  const used = new Set([...sources.join("").matchAll(/\b(10[01]\d)\b/g)].map(([, code]) => code));
  // 1002 is the WebSocket protocol's own, answered by the library.
  used.delete("1002");
  used.delete("1000");
  expect([...used].sort()).toEqual(column("Closing").filter((code) => used.has(code)));
  expect(column("Closing")).toEqual(expect.arrayContaining([...used]));
});
