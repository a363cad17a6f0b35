import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAgentWord } from "./agent-word.ts";

test.each([
  ["up ready 100%\n", { state: "up", weight: 100, reason: "" }],
  ["up ready 1%\r\n", { state: "up", weight: 1, reason: "" }],
  ["ready", { state: "up", weight: 100, reason: "" }],
  ["75%", { state: "up", weight: 75, reason: "" }],
  ["drain", { state: "drain", weight: 100, reason: "" }],
  ["up drain 100%", { state: "drain", weight: 100, reason: "" }],
  ["down#wrong output", { state: "down", weight: 100, reason: "wrong output" }],
  ["fail # process gone ", { state: "down", weight: 100, reason: "process gone" }],
  ["maint", { state: "maint", weight: 100, reason: "" }],
  ["up 999%", { state: "up", weight: 100, reason: "" }],
])("%j is understood", (line, word) => {
  expect(parseAgentWord(line)).toEqual(word);
});

test("whatever else is said is no word, and nothing throws", () => {
  for (const line of ["", "\n", "HTTP/1.1 400 Bad Request", "upp", "#down"])
    expect(parseAgentWord(line)).toBeUndefined();
  fc.assert(
    fc.property(fc.string(), (line) => {
      const word = parseAgentWord(line);
      expect(word === undefined || (word.weight >= 0 && word.weight <= 100)).toBe(true);
    }),
  );
});
