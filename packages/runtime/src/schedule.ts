import { Fault } from "@locum/contracts";
import { type Clock, systemClock } from "./clock.ts";

export type Timetable = {
  /** The first time after `wallMs` that the expression names; null where none comes within forty years. */
  nextMs(wallMs: number): number | null;
};

const dayMs = 86_400_000;
/** Any day of a calendar comes within this on any day of the week: 29 February across a year that has none too. */
const daysMax = 40 * 366 + 1;
/** A wall clock that is set while the loop sleeps is noticed within this. */
const lookMs = 60_000;

/**
 * A cron expression of five fields, or six from seconds, in UTC: a time that comes twice or never, once a year, is no
 * time for a snapshot.
 * @throws Fault config-invalid
 */
export async function parseTimetable(expression: string): Promise<Timetable> {
  // Loaded at first use: most processes have no schedule.
  const { createTask, parse, validateDetailed } = await import("node-cron");
  const { valid, errors } = validateDetailed(expression);
  if (!valid)
    throw new Fault(
      "config-invalid",
      `${JSON.stringify(expression)} is no schedule: ${errors.map(({ message }) => message).join("; ")}`,
      {
        hint: "Five fields: minute hour day-of-month month day-of-week, as in 0 3 * * 1.",
      },
    );
  const { second, minute, hour, dayOfMonth, month } = parse(expression);
  const times = secondsOfDay(hour, minute, second);
  const task = createTask(expression, () => {}, { timezone: "UTC" });
  // The library's own look costs microseconds, and is asked only for days that can be meant.
  const isNamed = (days: readonly unknown[], day: number): boolean =>
    days.includes(day) || !days.every(Number.isInteger);
  const isDay = (startMs: number): boolean => {
    const day = new Date(startMs);
    if (!isNamed(month, day.getUTCMonth() + 1) || !isNamed(dayOfMonth, day.getUTCDate())) return false;
    return task.match(new Date(startMs + (times[0] ?? 0)));
  };
  return {
    nextMs(wallMs) {
      const today = Math.floor(wallMs / dayMs) * dayMs;
      for (let day = today; day < today + daysMax * dayMs; day += dayMs) {
        const time = isDay(day) ? times.find((ms) => day + ms > wallMs) : undefined;
        if (time !== undefined) return day + time;
      }
      return null;
    },
  };
}

/** In milliseconds since midnight, rising. */
const secondsOfDay = (hours: number[], minutes: number[], seconds: number[]): number[] =>
  hours
    .flatMap((hour) =>
      minutes.flatMap((minute) => seconds.map((second) => ((hour * 60 + minute) * 60 + second) * 1000)),
    )
    .sort((a, b) => a - b);

/**
 * Calls `onDue` at each time that the expression names, until the signal aborts; then it resolves. Times that passed
 * while the machine slept, or that a set clock skipped, make one call. `onDue` must not throw.
 * @throws Fault config-invalid: at once, before any waiting
 */
export async function schedule(
  expression: string,
  { clock = systemClock, onDue, signal }: { clock?: Clock; onDue: () => void; signal: AbortSignal },
): Promise<void> {
  const timetable = await parseTimetable(expression);
  for (let lookedMs = clock.wallMs(); !signal.aborted; ) {
    const next = timetable.nextMs(lookedMs);
    const waitMs = next === null ? lookMs : Math.min(next - lookedMs, lookMs);
    await clock.sleep(waitMs, signal);
    const nowMs = clock.wallMs();
    if (!signal.aborted && next !== null && nowMs >= next) onDue();
    lookedMs = nowMs;
  }
}
