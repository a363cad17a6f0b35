import fc from "fast-check";
import { expect, test } from "vitest";
import { withoutSecrets } from "./last-words.ts";

test.each([
  ["Authorization: Bearer abc.def", "Authorization: [not told]"],
  ['{"api_key": "abc def", "port": 8000}', '{"api_key": [not told], "port": 8000}'],
  ["HF_TOKEN=hf_abcdefghijklmnop loading", "HF_TOKEN=[not told] loading"],
  ["--password hunter2 --port 1", "--password [not told] --port 1"],
  ["pull from https://user:pw@registry.example/x", "pull from https://[not told]@registry.example/x"],
  ["key sk-abcdefghijklmnopqrst is wrong", "key [not told] is wrong"],
  ["CUDA out of memory\n  at line 3\u0007", "CUDA out of memory at line 3"],
])("%s", (text, told) => {
  expect(withoutSecrets(text)).toBe(told);
});

test("whatever a program writes is one line of bounded length", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 4000, unit: "binary" }), (text) => {
      const line = withoutSecrets(text);
      expect(line.length).toBeLessThanOrEqual(801);
      expect(line).not.toMatch(/[\n\r\0]/);
    }),
  );
});
