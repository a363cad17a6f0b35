import fc from "fast-check";
import { expect, test } from "vitest";
import { histogramChart } from "./histogram-chart.ts";
import { markupOf } from "./html.ts";
import { intervalFor } from "./time-steps.ts";

const minuteMs = 60_000;
const fromMs = Date.parse("2030-01-31T12:00:00Z");
const draw = (options: Partial<Parameters<typeof histogramChart>[0]> = {}): string =>
  markupOf(
    histogramChart({
      title: "Records",
      buckets: [
        {
          key: fromMs,
          count: 3,
          by: [
            { key: "a", count: 1 },
            { key: "<b>", count: 2 },
          ],
        },
        { key: fromMs + minuteMs, count: 1, by: [{ key: "a", count: 1 }] },
      ],
      fromMs,
      toMs: fromMs + 10 * minuteMs,
      intervalMs: minuteMs,
      ...options,
    }),
  );

test("bars stand on one line, stacked by frequency, and say in words what they are", () => {
  const page = draw();
  expect(page).toContain('viewBox="0 0 100 100"');
  expect(page).toContain(
    'aria-label="Records: 4 from 2030-01-31T12:00:00.000Z to 2030-01-31T12:10:00.000Z, at most 3 in one bar"',
  );
  const bars = [
    ...page.matchAll(/<rect class="c\d" x="([\d.]+)" y="([\d.]+)" width="8.4" height="([\d.]+)"/g),
  ];
  expect(bars.map(([, x, y, high]) => [x, y, high].map(Number))).toEqual([
    [0.8, 68, 32],
    [0.8, 4, 64],
    [10.8, 68, 32],
  ]);
  expect(page).toContain("&lt;b&gt;");
});

test("what has no colour left is one series", () => {
  const by = Array.from({ length: 12 }, (_, index) => ({ key: `kind-${index}`, count: 12 - index }));
  const page = draw({ buckets: [{ key: fromMs, count: 78, by }] });
  expect(page.match(/<li>/g)).toHaveLength(8);
  expect(page).toContain("15 others");
});

test("a clock that was wrong by centuries makes no picture without end", () => {
  fc.assert(
    fc.property(fc.integer({ min: -8e15, max: 8e15 }), fc.integer({ min: 1, max: 8e15 }), (start, span) => {
      const intervalMs = intervalFor(span);
      const key = Math.floor(start / intervalMs) * intervalMs;
      const page = draw({
        buckets: [{ key, count: 1 }],
        fromMs: start,
        toMs: Math.min(start + span, 8.64e15),
        intervalMs,
      });
      const [, width] = /viewBox="0 0 (\d+) 100"/.exec(page) ?? [];
      expect(Number(width)).toBeGreaterThan(0);
      expect(Number(width)).toBeLessThanOrEqual(1200);
    }),
  );
});

test("each bar is the way to its own time", () => {
  const page = draw({ linkOf: (from, to) => `/audit?from=${from}&to=${to}` });
  expect(page).toContain(`href="/audit?from=${fromMs}&amp;to=${fromMs + minuteMs}"`);
  expect(page).toContain('aria-label="3 from 2030-01-31T12:00:00.000Z"');
});
