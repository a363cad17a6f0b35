import { CronExpression } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { parseTimetable, schedule } from "./schedule.ts";

const at = (text: string): number => Date.parse(text);

describe("the next time", () => {
  test.for([
    ["*/5 * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"],
    ["*/5 * * * *", "2026-01-01T00:04:59.999Z", "2026-01-01T00:05:00Z"],
    ["0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"],
    ["30 3 * * 1", "2026-01-01T00:00:00Z", "2026-01-05T03:30:00Z"],
    ["0 0 1 1 *", "2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["0 0 29 2 *", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z"],
    ["0 0 29 2 1", "2072-03-01T00:00:00Z", "2112-02-29T00:00:00Z"],
    ["0 0 L * *", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["10,40 * * * * *", "2026-01-01T00:00:10Z", "2026-01-01T00:00:40Z"],
    ["0 2 * * 0", "2026-03-28T00:00:00Z", "2026-03-29T02:00:00Z"],
  ] as const)("of %s after %s is %s", async ([expression, from, next]) => {
    expect((await parseTimetable(expression)).nextMs(at(from))).toBe(at(next));
  });

  test("is always later, and never skips one", async () => {
    const timetable = await parseTimetable("7-59/13 */3 * * *");
    const time = fc.integer({ min: 0, max: at("2100-01-01T00:00:00Z") });
    fc.assert(
      fc.property(time, fc.integer({ min: 1, max: 86_400_000 }), (from, later) => {
        const next = timetable.nextMs(from) ?? 0;
        expect(next).toBeGreaterThan(from);
        expect(timetable.nextMs(from + later) ?? 0).toBeGreaterThanOrEqual(next);
        expect(timetable.nextMs(next - 1)).toBe(next);
      }),
      { numRuns: 50 },
    );
  });
});

test("what is no schedule is refused, whatever it is", async () => {
  const refused = { code: "config-invalid" };
  for (const expression of [
    "",
    "* * *",
    "61 * * * *",
    "0 25 * * *",
    "* * * * * * *",
    "x",
    "0 3 * * 9",
    "0 0 30 2 *",
  ])
    await expect(parseTimetable(expression), expression).rejects.toMatchObject(refused);
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 200 }), async (expression) => {
      const outcome = await parseTimetable(expression).catch((error: { code?: string }) => error.code);
      expect(typeof outcome === "object" || outcome === "config-invalid").toBe(true);
    }),
  );
});

const number = fc.integer({ min: 0, max: 61 }).map(String);
const word = fc.constantFrom("jan", "Feb", "DEC", "sun", "Mon", "sat", "x");
const one = fc.oneof({ weight: 4, arbitrary: number }, word);
const part = fc.oneof(
  { weight: 3, arbitrary: fc.constant("*") },
  one,
  fc.tuple(one, one).map(([a, b]) => `${a}-${b}`),
  fc.tuple(one, one, number).map(([a, b, step]) => `${a}-${b}/${step}`),
  number.map((step) => `*/${step}`),
  fc.string({ maxLength: 3 }),
);
const field = fc.array(part, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(","));

test("what a service file may say is a schedule", async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(field, { minLength: 5, maxLength: 6 }), async (fields) => {
      const expression = fields.join(" ");
      fc.pre(CronExpression.safeParse(expression).success);
      accepted++;
      expect((await parseTimetable(expression)).nextMs(0)).toBeGreaterThan(0);
    }),
    { numRuns: 200, maxSkipsPerRun: 1000 },
  );
  expect(accepted).toBeGreaterThan(0);
});

test("and what is none is named as none when the file is read", () => {
  for (const expression of [
    "",
    "* * *",
    "61 * * * *",
    "0 25 * * *",
    "0 0 30 2 *",
    "0  3 * * *",
    "5/5 * * * *",
    "3-1 * * * *",
  ])
    expect(CronExpression.safeParse(expression).success, expression).toBe(false);
  for (const expression of [
    "0 3 * * *",
    "*/15 * * * *",
    "0 0 1 jan,JUL *",
    "0 4 * * mon-fri",
    "30 0 3 * * 0",
  ])
    expect(CronExpression.safeParse(expression).success, expression).toBe(true);
});

/** Time goes on only by sleeping; `jump` may set the wall clock meanwhile. */
function sleptClock(startMs: number, jump: (wallMs: number) => number = (wallMs) => wallMs): Clock {
  let wallMs = startMs;
  return {
    monotonicMs: () => wallMs,
    wallMs: () => wallMs,
    sleep: async (ms) => {
      wallMs = jump(wallMs + ms);
    },
  };
}

async function dueTimes(expression: string, clock: Clock, until: number): Promise<string[]> {
  const stop = new AbortController();
  const due: string[] = [];
  await schedule(expression, {
    clock: {
      ...clock,
      sleep: async (ms) => {
        await clock.sleep(ms);
        if (clock.wallMs() > until) stop.abort();
      },
    },
    signal: stop.signal,
    onDue: () => due.push(new Date(clock.wallMs()).toISOString().slice(0, 16)),
  });
  return due;
}

test("it is due at each time, once", async () => {
  const clock = sleptClock(at("2026-01-01T00:00:00Z"));
  expect(await dueTimes("0 */8 * * *", clock, at("2026-01-02T01:00:00Z"))).toEqual([
    "2026-01-01T08:00",
    "2026-01-01T16:00",
    "2026-01-02T00:00",
  ]);
});

test("times that a sleeping machine missed are one, and a clock that goes back waits again", async () => {
  let [isAhead, isBack] = [false, false];
  const clock = sleptClock(at("2026-01-01T00:30:00Z"), (wallMs) => {
    if (!isAhead) {
      isAhead = true;
      return at("2026-01-01T05:30:00Z");
    }
    if (!isBack && wallMs > at("2026-01-01T05:40:00Z")) {
      isBack = true;
      return at("2026-01-01T05:10:00Z");
    }
    return wallMs;
  });
  expect(await dueTimes("0 * * * *", clock, at("2026-01-01T06:30:00Z"))).toEqual([
    "2026-01-01T05:30",
    "2026-01-01T06:00",
  ]);
});

test("a stopped schedule is due no more", async () => {
  let due = 0;
  const clock = sleptClock(0);
  await schedule("* * * * *", { clock, signal: AbortSignal.abort(), onDue: () => due++ });
  expect(due).toBe(0);
});
