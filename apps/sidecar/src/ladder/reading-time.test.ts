import { expect, test } from "vitest";
import { readingMs } from "./reading-time.ts";

const limit = (p99Ms: number) => Math.min(60_000, Math.max(2_000, 8 * p99Ms));
const seen = { firstTokenMs: (bytes: number) => bytes / 10 };

test.each<[name: string, waitingOnOwn: number, waitingBytesMax: number, ms: number]>([
  ["nobody waits", 0, 0, 0],
  ["a short prompt", 1, 100, 2_000],
  ["a long prompt", 3, 20_000, 16_000],
  ["a prompt without end", 1, 10_000_000, 60_000],
])("%s", (_name, waitingOnOwn, waitingBytesMax, ms) => {
  expect(readingMs({ waitingOnOwn, waitingBytesMax }, seen, limit)).toBe(ms);
});

test("where nothing ever streamed, or nothing passes here, no golden gets more time", () => {
  const none = { firstTokenMs: () => 0 };
  expect(readingMs({ waitingOnOwn: 5, waitingBytesMax: 9_999 }, none, limit)).toBe(0);
  expect(readingMs(null, seen, limit)).toBe(0);
});
