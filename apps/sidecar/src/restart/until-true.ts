/** Asks until it is true; false when the time is over. */
export async function untilTrue(
  holds: () => Promise<boolean>,
  {
    clock,
    withinMs,
    everyMs = 50,
  }: {
    clock: { monotonicMs(): number; sleep(ms: number): Promise<void> };
    withinMs: number;
    everyMs?: number;
  },
): Promise<boolean> {
  const untilMs = clock.monotonicMs() + withinMs;
  while (!(await holds())) {
    if (clock.monotonicMs() >= untilMs) return false;
    await clock.sleep(everyMs);
  }
  return true;
}
