import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { modelKey, splitModelKey } from "./model-key.ts";

describe("names of models and versions", () => {
  it.each([
    ["digits", { model: "digits" }],
    ["digits@2", { model: "digits", version: "2" }],
    ["org/m@sha@v1.0", { model: "org/m@sha", version: "v1.0" }],
    ["@2", { model: "@2" }],
    ["m@", { model: "m@" }],
    ["m@ 2", { model: "m@ 2" }],
  ])("%s", (key, expected) => {
    expect(splitModelKey(key)).toEqual(expected);
    expect(modelKey(splitModelKey(key))).toBe(key);
  });

  it("is split as it was joined, and joined as it was split", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,9}$/),
        (model, version) => {
          expect(splitModelKey(modelKey({ model, version }))).toEqual({ model, version });
          expect(modelKey(splitModelKey(model))).toBe(model);
        },
      ),
    );
  });
});
