import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom, systemRandom } from "./random.ts";

test("one seed gives one sequence, and neighbouring seeds share nothing", () => {
  const draw = (seed: number) => {
    const random = createRandom(seed);
    return [random.next(), random.integer(1, 6), random.id()];
  };
  expect(draw(7)).toEqual(draw(7));
  expect(new Set(Array.from({ length: 1000 }, (_, seed) => draw(seed).join())).size).toBe(1000);
});

test("values stay in their ranges, and reach both ends", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = createRandom(seed);
      const values = Array.from({ length: 200 }, () => random.next());
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...values)).toBeLessThan(1);
      const rolls = new Set(Array.from({ length: 200 }, () => random.integer(1, 4)));
      expect([...rolls].sort()).toEqual([1, 2, 3, 4]);
    }),
  );
});

test("draws are spread evenly (chi-square, 16 cells)", () => {
  const random = createRandom(1);
  const cells = new Array<number>(16).fill(0);
  for (let draw = 0; draw < 16_000; draw += 1) {
    const cell = Math.floor(random.next() * 16);
    cells[cell] = (cells[cell] ?? 0) + 1;
  }
  const chi = cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  // 99.9 % quantile of 15 degrees of freedom.
  expect(chi).toBeLessThan(37.7);
});

test("ids of the system are 32 hex digits and differ", () => {
  expect(systemRandom.id()).toMatch(/^[0-9a-f]{32}$/);
  expect(systemRandom.id()).not.toBe(systemRandom.id());
});
