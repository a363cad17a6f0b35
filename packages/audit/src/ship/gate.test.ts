import { expect, test } from "vitest";
import { createGate, type Passage } from "./gate.ts";
import { createVirtualClock } from "./testing/virtual-clock.ts";

const random = { next: () => 1 };

test("more at once while it goes well, half as many when the server is busy, one while it is away", async () => {
  const clock = createVirtualClock();
  const closing = new AbortController();
  const gate = createGate({ clock, random, signal: closing.signal });
  let passage: Passage = "good";
  let within = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      await gate.enter();
      within += 1;
      most = Math.max(most, within);
      await clock.pass(10);
      within -= 1;
      gate.leave(passage);
    }
  };
  const workers = Array.from({ length: 8 }, () => work().catch(() => {}));
  const mostAtOnce = async (next: Passage, ms: number): Promise<number> => {
    passage = next;
    // Those that are within already are let go first.
    await clock.pass(100);
    most = 0;
    await clock.pass(ms);
    return most;
  };
  expect(await mostAtOnce("good", 1000)).toBe(4);
  expect(await mostAtOnce("away", 60_000)).toBe(1);
  expect(await mostAtOnce("good", 60_000)).toBe(4);
  expect(await mostAtOnce("busy-but-moving", 1000)).toBe(1);
  closing.abort();
  await Promise.all(workers);
});

test("a server that goes away leaves one that asks, however many were let through before", async () => {
  const clock = createVirtualClock();
  const gate = createGate({ clock, random, signal: new AbortController().signal });
  for (let requests = 0; requests < 20; requests += 1) {
    await gate.enter();
    gate.leave("good");
  }
  await gate.enter();
  gate.leave("away");
  let within = 0;
  for (let one = 0; one < 4; one += 1)
    void gate.enter().then(() => {
      within += 1;
    });
  await clock.pass(10_000);
  expect(within).toBe(1);
});

test("waits double up to half a minute, and end with the first good answer", async () => {
  const clock = createVirtualClock();
  const gate = createGate({ clock, random, signal: new AbortController().signal });
  const waits: number[] = [];
  for (let tries = 0; tries < 12; tries += 1) {
    const before = clock.monotonicMs();
    await gate.enter();
    waits.push(clock.monotonicMs() - before);
    gate.leave(tries < 10 ? "away" : "good");
  }
  expect(waits).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 0]);
});

test("what a person has to mend is asked for slowly from the first time", async () => {
  const clock = createVirtualClock();
  const gate = createGate({ clock, random, signal: new AbortController().signal });
  await gate.enter();
  gate.leave("operator");
  await gate.enter();
  expect(clock.monotonicMs()).toBe(5000);
});

test("closing lets everybody go", async () => {
  const closing = new AbortController();
  const gate = createGate({ clock: createVirtualClock(), random, signal: closing.signal });
  const entries = Array.from({ length: 5 }, () => gate.enter().catch(() => "closed"));
  closing.abort();
  expect(await Promise.all(entries)).toEqual(Array.from({ length: 5 }, () => "closed"));
  await expect(gate.enter()).rejects.toThrow();
});
