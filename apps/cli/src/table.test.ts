import fc from "fast-check";
import { expect, test } from "vitest";
import { paintFor } from "./paint.ts";
import { renderTable, width } from "./table.ts";

const cell = fc.oneof(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer());

test("never wider than it may be, whatever the cells hold", () => {
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 5, maxLength: 5 }), { maxLength: 6 }), (rows) => {
      const lines = renderTable(["a", "b", "c", "d", "e"], rows, { columns: 80 }).split("\n");
      for (const line of lines) expect(width(line)).toBeLessThanOrEqual(80);
    }),
  );
});

test("what a server says is shown, not obeyed", () => {
  const text = renderTable(["model"], [["\u001b[2J\u202eevil\r\nname"]]);
  expect(text.split("\n")).toHaveLength(2);
  for (const order of ["\u001b", "\r", "\u202e"]) expect(text).not.toContain(order);
});

test("the last column goes on below, the others are cut", () => {
  const reason = "wrong files and wrong answers ".repeat(5).trim();
  const text = renderTable(["step", "detail"], [["x".repeat(60), reason]], { columns: 40 });
  expect(text).toContain("…");
  expect(text.match(/wrong/g)).toHaveLength(10);
});

test("columns stand below each other, with wide characters and colours", () => {
  const rows = [
    [{ text: "影像科", colour: "good" as const }, "x"],
    ["ct", "y"],
  ];
  const [, wide, narrow] = renderTable(["service", "v"], rows).split("\n");
  expect(width(wide?.slice(0, wide.indexOf("x")) ?? "")).toBe(narrow?.indexOf("y"));
  const painted = renderTable(["service", "v"], rows, { paint: paintFor(true) });
  expect(painted).toContain("\u001b[32m影像科\u001b[0m");
});
