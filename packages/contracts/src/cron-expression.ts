import { z } from "zod";

type Field = { name: string; min: number; max: number; words?: readonly string[] };

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const fields: readonly Field[] = [
  { name: "second", min: 0, max: 59 },
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, words: months },
  { name: "day of week", min: 0, max: 7, words: days },
];
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * A cron expression: five fields, or six from seconds; `*`, numbers, names of months and days, ranges, steps, lists. What
 * this takes, the scheduler takes too (a test of @locum/runtime holds them together), so that a mistake is named with
 * its line when the file is read, and not when the first snapshot is missing.
 */
export const CronExpression = z
  .string()
  .max(200)
  .superRefine((text, context) => {
    const problem = cronProblem(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

function cronProblem(text: string): string | undefined {
  const parts = text.split(" ");
  if (parts.length !== 5 && parts.length !== 6)
    return "five fields of cron, or six from seconds, one space between";
  const named = fields.slice(fields.length - parts.length);
  const values = new Map<string, number[]>();
  for (const [at, field] of named.entries()) {
    const found = valuesOf(parts[at] ?? "", field);
    if (!found) return `a ${field.name} from ${field.min} to ${field.max} (*, 1, 1-5, */5, 1,3)`;
    values.set(field.name, found);
  }
  const isThere = (values.get("month") ?? []).some((month) =>
    (values.get("day of month") ?? []).some((day) => day <= (monthDays[month - 1] ?? 0)),
  );
  return isThere ? undefined : "a day that some year has";
}

function valuesOf(text: string, { min, max, words = [] }: Field): number[] | undefined {
  const numberOf = (word: string): number => {
    const at = words.indexOf(word.toLowerCase());
    return at >= 0 ? at + min : Number(word);
  };
  const found: number[] = [];
  for (const part of text.split(",")) {
    const match = /^(?:(\*)|(\d{1,2}|[A-Za-z]{3})(?:-(\d{1,2}|[A-Za-z]{3}))?)(?:\/(\d{1,2}))?$/.exec(part);
    if (!match) return undefined;
    const [, star, low, high, step = "1"] = match;
    // A step needs a range to walk.
    if (match[4] !== undefined && !star && high === undefined) return undefined;
    const from = star ? min : numberOf(low ?? "");
    const to = star ? max : numberOf(high ?? low ?? "");
    // Also false for what is no number.
    if (!(from >= min && to <= max && from <= to && Number(step) >= 1)) return undefined;
    for (let value = from; value <= to; value += Number(step)) found.push(value);
  }
  return found;
}
