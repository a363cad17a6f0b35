import fc from "fast-check";
import { expect, test } from "vitest";
import { createLog, logFields } from "./log.ts";

function capture(options: Parameters<typeof createLog>[0] = {}) {
  const lines: string[] = [];
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, wallMs: () => 0 };
  const log = createLog({ write: (line) => void lines.push(line), clock, ...options });
  return {
    log,
    lines,
    read: () => lines.map((line) => JSON.parse(line)),
    pass: (ms: number) => (nowMs += ms),
  };
}

test("a line is JSON with time, level, message and the named facts", () => {
  const { log, read } = capture();
  log("warn", "the lease ran out", { service: "digits", epoch: 3, error: new Error("late") });
  expect(read()).toEqual([
    {
      time: "1970-01-01T00:00:00.000Z",
      level: "warn",
      message: "the lease ran out",
      service: "digits",
      epoch: 3,
      error: "late",
    },
  ]);
});

test("no value under a name that is not on the list, and no object's content, comes out", () => {
  const secret = fc.stringMatching(/^[a-z0-9]{12,24}$/);
  const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !logFields.has(text));
  const facts = fc.dictionary(name, secret);
  fc.assert(
    fc.property(facts, secret, (unnamed, hidden) => {
      const { log, lines } = capture();
      log("error", "x", { ...unnamed, reason: { token: hidden }, code: [hidden] });
      for (const value of [...Object.values(unnamed), hidden]) expect(lines.join("")).not.toContain(value);
      expect(lines.join("").trimEnd()).not.toContain("\n");
    }),
  );
});

test("lines below the level are not written", () => {
  const { log, read } = capture({ level: "warn" });
  log("debug", "a");
  log("info", "b");
  log("error", "c");
  expect(read().map(({ message }) => message)).toEqual(["c"]);
});

test("a message that repeats is dropped beyond its limit, counted, and heard again later", () => {
  const { log, read, pass } = capture({ repeatsMax: 2, windowMs: 1000 });
  for (let index = 0; index < 5; index += 1) log("info", "again");
  log("info", "another");
  expect(read().map(({ message }) => message)).toEqual(["again", "again", "another"]);
  pass(1000);
  log("info", "again");
  expect(read().at(-1)).toMatchObject({ message: "again", repeatsDropped: 3 });
});
