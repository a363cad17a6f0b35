import { Fault } from "@locum/contracts";
import { expect, test } from "vitest";
import { createRandom } from "./random.ts";
import { backoffMs, retry } from "./retry.ts";

const random = createRandom(1);

function sleeper() {
  const slept: number[] = [];
  return { slept, sleep: async (ms: number) => void slept.push(ms) };
}

test("tries again until it succeeds, waiting longer each time at most", async () => {
  const clock = sleeper();
  const value = await retry(
    async (attempt) => {
      if (attempt < 3) throw new Error("not yet");
      return attempt;
    },
    { clock, random },
  );
  expect(value).toBe(3);
  expect(clock.slept).toHaveLength(3);
  for (const [attempt, ms] of clock.slept.entries()) expect(ms).toBeLessThanOrEqual(100 * 2 ** attempt);
});

test("stops at its tries, at a fault that no try can help, and when it is told to", async () => {
  let tries = 0;
  const failing = (error: Error) => async () => {
    tries += 1;
    throw error;
  };
  const clock = sleeper();
  await expect(retry(failing(new Error("down")), { clock, random, triesMax: 4 })).rejects.toThrow("down");
  expect(tries).toBe(4);
  await expect(retry(failing(new Fault("usage", "wrong")), { clock, random })).rejects.toThrow("wrong");
  expect(tries).toBe(5);
  await expect(
    retry(failing(new Error("down")), { clock, random, signal: AbortSignal.abort() }),
  ).rejects.toThrow("down");
  expect(tries).toBe(6);
});

test("the delay never passes its cap, however often it failed", () => {
  for (let attempt = 0; attempt < 5000; attempt += 100)
    expect(backoffMs(attempt, random, { capMs: 1000 })).toBeLessThanOrEqual(1000);
});
