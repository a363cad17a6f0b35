import { expect, test } from "vitest";
import { createFirstTokenHistory } from "./first-token-history.ts";

const kib = 1024;

function seen(...sizes: [bytes: number, ms: number][]) {
  const history = createFirstTokenHistory();
  for (const [bytes, ms] of sizes) for (let i = 0; i < 20; i += 1) history.observe(bytes, ms);
  return history;
}

test("nothing is late while nothing is known", () => {
  expect(createFirstTokenHistory().tail(kib)).toBe(0);
});

test("each size has a history of its own", () => {
  const history = seen([kib, 100], [64 * kib, 5_000]);
  expect(history.tail(500) / 100).toBeCloseTo(1, 0);
  expect(history.tail(60 * kib) / 5_000).toBeCloseTo(1, 0);
});

test("a size that was never seen may take as much longer as it is larger", () => {
  const history = seen([kib, 100]);
  expect(history.tail(100 * kib) / history.tail(kib)).toBeCloseTo(100, 5);
  expect(seen([64 * kib, 5_000]).tail(10)).toBeGreaterThan(0);
});

test("a size that was seen is not measured by a smaller one", () => {
  const history = seen([10, 100], [16 * kib, 300]);
  expect(history.tail(16 * kib) / 300).toBeCloseTo(1, 0);
  expect(history.tail(64 * kib) / history.tail(16 * kib)).toBeCloseTo(4, 5);
});

test("what is larger than all classes is still bounded by the largest that is known", () => {
  const history = seen([100 * 1024 * kib, 20_000]);
  expect(history.tail(200 * 1024 * kib) / 20_000).toBeCloseTo(1, 0);
});
