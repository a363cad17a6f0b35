import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFlood } from "./flood.ts";

function unitOf(text: string, state: "open" | "cut"): string | undefined {
  const flood = createFlood();
  flood.push(text);
  return flood.unit(state);
}

describe("a flood", () => {
  test.for<[string, string, string | undefined]>([
    ["64 of one character", "!".repeat(64), "!"],
    ["63 of one character", "!".repeat(63), undefined],
    ["a token of a space and a letter", " G".repeat(40), "G "],
    ["a word", "hello ".repeat(20), "ello h"],
    ["too few of a long unit", "sixteen letters!".repeat(15), undefined],
    ["enough of a long unit", "sixteen letters!".repeat(16), "sixteen letters!"],
    ["a unit that is too long", "seventeen letters".repeat(100), undefined],
    ["an unknown character", "\uFFFD".repeat(64), "\uFFFD"],
    ["white space without end", `{"a": 1,${"\n".repeat(600)}`, "\n"],
    ["text that turns into one character", `The answer is ${"!".repeat(600)}`, "!"],
    ["a rule of a table at the end", `| a | b |\n${"-".repeat(120)}`, undefined],
    ["text", "To be, or not to be, that is the question: whether 'tis nobler in the mind", undefined],
    ["nothing", "", undefined],
  ])("in an answer that its limit cut: %s", ([, text, unit]) => {
    const found = unitOf(text, "cut");
    expect(found === undefined ? undefined : found.length).toBe(unit?.length);
    if (unit !== undefined) expect(text.endsWith(found ?? "x")).toBe(true);
  });

  test("needs twice as much while more may come", () => {
    expect(unitOf("!".repeat(127), "open")).toBeUndefined();
    expect(unitOf("!".repeat(128), "open")).toBe("!");
    expect(unitOf(`Once: ${"!".repeat(1000)}`, "open")).toBeUndefined();
    expect(unitOf(`Once: ${"!".repeat(1024)}`, "open")).toBe("!");
  });

  test("ends where other text follows", () => {
    expect(unitOf(`${"!".repeat(2000)} and that was it`, "cut")).toBeUndefined();
  });

  test("is found with any cut of the text, and nothing is found in words that differ", () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(words, fc.string({ minLength: 1, maxLength: 16 }), fc.nat(40), (list, unit, size) => {
        const flood = createFlood();
        const text = unit.repeat(64 + size);
        for (let at = 0; at < text.length; at += size + 1) flood.push(text.slice(at, at + size + 1));
        expect(flood.unit("cut")).toBe(unitOf(text, "cut"));
        expect(flood.unit("cut")).toBeDefined();
        const numbered = list.map((word, at) => `${word}${at}`).join(" ");
        expect(unitOf(numbered, "cut")).toBeUndefined();
      }),
    );
  });
});
