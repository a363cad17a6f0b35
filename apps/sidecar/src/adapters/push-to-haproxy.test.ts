import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { AgentWord } from "../tap/agent-word.ts";
import { type HaproxyPush, pushToHaproxy } from "./push-to-haproxy.ts";

const server = { runtime: "/run/haproxy.sock", backend: "digits", server: "a" };
const settled = () => new Promise((resolve) => setImmediate(resolve));

function opened({ everyMs = 3_600_000 } = {}) {
  let now = { epoch: 1, word: "up ready 100%" };
  const written: AgentWord[] = [];
  const waiting: { resolve(): void; reject(error: Error): void }[] = [];
  const said: string[] = [];
  const push: HaproxyPush = pushToHaproxy([server], () => now, {
    everyMs,
    clock: { monotonicMs: () => 0 },
    log: (level, message) => void said.push(`${level}: ${message}`),
    set(_server, word) {
      written.push(word);
      return new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
    },
  });
  const answer = async (error?: Error) => {
    const one = waiting.shift();
    if (error) one?.reject(error);
    else one?.resolve();
    await settled();
  };
  const say = (word: string, epoch = now.epoch) => {
    now = { epoch, word };
    push.look();
  };
  return { push, say, answer, written, said, waiting };
}

test("of several words while one is written, the last follows, and no other", async () => {
  const { push, say, answer, written } = opened();
  for (const word of ["up ready 100%", "drain", "up ready 1%", "down#nan"]) say(word);
  expect(written.map(({ state }) => state)).toEqual(["up"]);
  await answer();
  expect(written.map(({ state }) => state)).toEqual(["up", "down"]);
  await answer();
  say("down#nan");
  expect(written).toHaveLength(2);
  push.stop();
});

test("a word of an older epoch is never written after a newer one", async () => {
  const { push, say, answer, written } = opened();
  say("up ready 100%", 5);
  await answer();
  say("drain", 4);
  expect(written).toHaveLength(1);
  say("drain", 6);
  expect(written).toHaveLength(2);
  push.stop();
});

test("what failed is told once, and written again at the next interval, not at each turn", async () => {
  const { push, say, answer, written, said, waiting } = opened({ everyMs: 5 });
  say("drain");
  await answer(new Error("gone"));
  say("up ready 1%");
  say("drain");
  await vi.waitFor(() => expect(written.length).toBeGreaterThan(1));
  await answer(new Error("gone"));
  await vi.waitFor(() => expect(waiting.length).toBe(1));
  await answer();
  expect(said).toEqual([
    "warn: HAProxy did not take a word",
    "info: told HAProxy",
    "info: HAProxy takes words again",
  ]);
  push.stop();
});

test("what is written again each interval is told once", async () => {
  const { push, say, answer, written, said, waiting } = opened({ everyMs: 5 });
  say("drain");
  await answer();
  await vi.waitFor(() => expect(waiting.length).toBe(1));
  await answer();
  // The next one may be on its way already.
  expect(written.length).toBeGreaterThanOrEqual(2);
  expect(said).toEqual(["info: told HAProxy"]);
  push.stop();
});

test("nothing is written after the end", async () => {
  const { push, say, answer, written } = opened();
  say("drain");
  push.stop();
  say("up ready 100%");
  await answer();
  expect(written).toHaveLength(1);
});

test("one line at a time, and the last word stands in the end", async () => {
  const word = fc.constantFrom("up ready 100%", "up ready 1%", "drain", "down#x");
  const step = fc.oneof(fc.record({ say: word }), fc.constant("answer" as const));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), word, async (steps, final) => {
      const { push, say, answer, written, waiting } = opened();
      for (const one of steps) {
        if (one === "answer") await answer();
        else say(one.say);
        expect(waiting.length).toBeLessThanOrEqual(1);
      }
      say(final);
      while (waiting.length > 0) await answer();
      const shown = written.at(-1);
      expect(`${shown?.state} ${shown?.state === "up" ? shown.weight : ""}`).toBe(
        { "up ready 100%": "up 100", "up ready 1%": "up 1", drain: "drain ", "down#x": "down " }[final],
      );
      push.stop();
    }),
    { numRuns: 50 },
  );
});
