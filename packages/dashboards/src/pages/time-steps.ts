const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** Widths that a clock or a calendar knows. */
const steps = [
  ...[1, 2, 5, 10, 30].map((minutes) => minutes * minuteMs),
  ...[1, 3, 6, 12].map((hours) => hours * hourMs),
  ...[1, 7, 30, 90, 365].map((days) => days * dayMs),
];

/** How wide a bar is so that a span of time is at most so many of them; the widest, however long it is. */
export const intervalFor = (spanMs: number, barsMax = 60): number =>
  steps.find((step) => spanMs / step <= barsMax) ?? 365 * dayMs;
