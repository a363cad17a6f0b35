import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBrain, fromHalf, toBrain, toHalf } from "./numeric.ts";

test("every half and every bfloat comes back from its number", () => {
  for (let bits = 0; bits < 65_536; bits++) {
    const half = fromHalf(bits);
    if (!Number.isNaN(half)) expect(toHalf(half)).toBe(bits);
    const brain = fromBrain(bits);
    if (!Number.isNaN(brain)) expect(toBrain(brain)).toBe(bits);
  }
  expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
  expect(fromBrain(toBrain(Number.NaN))).toBeNaN();
});

test("halves are as the processor reads them", () => {
  const view = new DataView(new ArrayBuffer(2)) as DataView & { getFloat16(at: number): number };
  for (let bits = 0; bits < 65_536; bits++) {
    view.setUint16(0, bits);
    expect(fromHalf(bits)).toBe(view.getFloat16(0));
  }
});

test("a number becomes the nearest half and the nearest bfloat", () => {
  const view = new DataView(new ArrayBuffer(2)) as DataView & { setFloat16(at: number, value: number): void };
  const number = fc.oneof(
    fc.double({ noNaN: true }),
    fc.double({ noNaN: true, min: -70_000, max: 70_000 }),
    fc.double({ noNaN: true, min: -1e-4, max: 1e-4 }),
  );
  fc.assert(
    fc.property(number, (value) => {
      view.setFloat16(0, value);
      expect(toHalf(value)).toBe(view.getUint16(0));
      const single = Math.fround(value);
      const brain = fromBrain(toBrain(value));
      if (Number.isFinite(brain))
        expect(Math.abs(brain - single)).toBeLessThanOrEqual(Math.max(Math.abs(single) * 2 ** -8, 2 ** -134));
      else expect(Math.abs(single)).toBeGreaterThan(3.38e38);
    }),
  );
});
