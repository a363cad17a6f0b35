import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readJson } from "./read-json.ts";

const read = (text: string | Buffer) => readJson(Buffer.from(text), "upstream-protocol");

test("what strict JSON says is what the engine's parser says", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(read(text)).toEqual(JSON.parse(text));
    }),
  );
});

test("the lenient reader agrees with the strict one on everything around a NaN", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const [marker, value] = read(`[NaN,${text}]`) as [number, unknown];
      expect(marker).toBeNaN();
      expect(value).toEqual(JSON.parse(text));
    }),
  );
});

test("numbers that are not finite come back as they were written", () => {
  const number = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0));
  fc.assert(
    fc.property(fc.array(number), (numbers) => {
      const text = `{"data":[${numbers.map((n) => (Object.is(n, -0) ? "-0" : String(n))).join(" , ")}]}`;
      expect(read(text)).toEqual({ data: numbers });
    }),
  );
});

test.for([
  ["[nan,-nan,inf,-inf,Inf]", [Number.NaN, Number.NaN, Infinity, -Infinity, Infinity]],
  ['{"__proto__":NaN}', Object.defineProperty({}, "__proto__", { value: Number.NaN, enumerable: true })],
  ['["NaN", NaN, "a\\"]\\\\"]', ["NaN", Number.NaN, 'a"]\\']],
  ["\uFEFF[NaN]", [Number.NaN]],
  ["[1e999]", [Infinity]],
] as const)("%s", ([text, value]) => expect(read(text)).toEqual(value));

test.for([
  "",
  "[NaN",
  "[NaN,]",
  "[NaN}",
  '{"a" NaN}',
  "{NaN:1}",
  "NaN NaN",
  '["\u0001",NaN]',
  "[01,NaN]",
  "[+NaN]",
  "nul",
  '"\\x"',
])("%j is no JSON of any kind", (text) => expect(() => read(text)).toThrow(Fault));

test("any bytes give a value or a Fault", () => {
  const piece = fc.constantFrom(
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"',
    "\\",
    "NaN",
    "-",
    "1",
    "e",
    "null",
    "Infinity",
    " ",
    "\u00e9",
  );
  const text = fc.array(piece).map((pieces) => Buffer.from(pieces.join("")));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array().map(Buffer.from), text), (bytes) => {
      try {
        read(bytes);
      } catch (fault) {
        expect(fault).toBeInstanceOf(Fault);
      }
    }),
  );
});

test.for([
  ["a long chain of open lists", "[".repeat(1_000_000)],
  ["the same with a NaN", `[NaN,${"[".repeat(1_000_000)}`],
  ["millions of empty objects", `[${"{},".repeat(1_500_000)}{}]`],
  ["a long run of backslashes", `[NaN,"${"\\".repeat(1_000_000)}`],
  ["millions of quotes", `[NaN,${'""'.repeat(500_000)}`],
] as const)("%s is refused within bounds", ([, text]) => expect(() => read(text)).toThrow(Fault));
