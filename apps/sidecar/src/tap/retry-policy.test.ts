import fc from "fast-check";
import { expect, test } from "vitest";
import { answersWell, type FailedTry, isDeath, mayResend } from "./retry-policy.ts";

const failedTry: fc.Arbitrary<FailedTry> = fc.record({
  failure: fc.constantFrom(
    "status5xx",
    "refused",
    "reset",
    "timeout",
    "not-finite",
    "truncated",
    "malformed",
    "diverted",
  ),
  sent: fc.boolean(),
  idempotent: fc.boolean(),
  answerStarted: fc.boolean(),
  bodyKept: fc.boolean(),
  hop: fc.boolean(),
  resends: fc.nat(3),
  deaths: fc.nat(3),
});

test("a request is resent only where no rule stands against it", () => {
  fc.assert(
    fc.property(failedTry, (it) => {
      if (!mayResend(it)) return;
      expect(it.answerStarted).toBe(false);
      expect(it.bodyKept).toBe(true);
      expect(it.hop).toBe(false);
      expect(it.resends).toBe(0);
      expect(it.deaths).toBeLessThan(2);
      expect(it.idempotent || !it.sent).toBe(true);
    }),
  );
});

test("a request that meets no rule is resent after every kind of failure", () => {
  fc.assert(
    fc.property(failedTry, (it) => {
      const free = {
        ...it,
        idempotent: true,
        answerStarted: false,
        bodyKept: true,
        hop: false,
        resends: 0,
        deaths: 1,
      };
      expect(mayResend(free)).toBe(true);
    }),
  );
});

test("whatever happens to a request, at most two instances get it and at most two die of it", () => {
  fc.assert(
    fc.property(fc.array(failedTry, { maxLength: 10 }), (story) => {
      let [resends, deaths] = [0, 0];
      for (const it of story) {
        if (isDeath(it.failure)) deaths += 1;
        if (!mayResend({ ...it, resends, deaths })) break;
        resends += 1;
      }
      expect(1 + resends).toBeLessThanOrEqual(2);
      expect(deaths).toBeLessThanOrEqual(2);
    }),
  );
});

test.each([
  [200, true],
  [302, true],
  [404, false],
  [429, false],
  [503, false],
])("an answer of %i elsewhere shows that a 5xx was the instance's fault: %s", (status, well) => {
  expect(answersWell(status)).toBe(well);
});
