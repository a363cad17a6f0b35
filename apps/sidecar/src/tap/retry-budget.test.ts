import fc from "fast-check";
import { expect, test } from "vitest";
import { createRetryBudget } from "./retry-budget.ts";

const take = (budget: ReturnType<typeof createRetryBudget>, nowMs: number) => {
  let taken = 0;
  while (budget.withdraw(nowMs)) taken += 1;
  return taken;
};

test("without traffic ten a second over ten seconds, and not again before they have passed", () => {
  const budget = createRetryBudget();
  expect(take(budget, 5_000)).toBe(100);
  expect(take(budget, 14_999)).toBe(0);
  expect(take(budget, 15_000)).toBe(100);
});

test("a fifth of the traffic of the last ten seconds comes on top", () => {
  const budget = createRetryBudget();
  for (let i = 0; i < 50; i += 1) budget.deposit(1_000);
  expect(take(budget, 10_500)).toBe(110);
  const later = createRetryBudget();
  for (let i = 0; i < 50; i += 1) later.deposit(1_000);
  expect(take(later, 11_000)).toBe(100);
});

test("in no window of ten seconds more than the ratio of its traffic plus the reserve is spent", () => {
  const step = fc.record({ afterMs: fc.nat(3_000), deposits: fc.nat(60), asks: fc.nat(200) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const budget = createRetryBudget();
      const log: { second: number; deposits: number; granted: number }[] = [];
      let nowMs = 0;
      for (const { afterMs, deposits, asks } of steps) {
        nowMs += afterMs;
        for (let i = 0; i < deposits; i += 1) budget.deposit(nowMs);
        let granted = 0;
        for (let i = 0; i < asks; i += 1) granted += budget.withdraw(nowMs) ? 1 : 0;
        log.push({ second: Math.floor(nowMs / 1_000), deposits, granted });
        const recent = log.filter(({ second }) => second > Math.floor(nowMs / 1_000) - 10);
        const spent = recent.reduce((sum, it) => sum + it.granted, 0);
        const traffic = recent.reduce((sum, it) => sum + it.deposits, 0);
        // Granted while the deposits of seconds that have since left the window still counted.
        const earlier = log.reduce((sum, it) => sum + it.deposits, 0) - traffic;
        expect(spent).toBeLessThanOrEqual(0.2 * (traffic + earlier) + 100 + 1e-6);
      }
    }),
  );
});
