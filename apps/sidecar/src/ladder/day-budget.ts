/**
 * At most `max` a day, for goldens that cost money. Tokens come back evenly, so that a day's allowance is not spent
 * by one bad hour; a fifth of it may be spent at once.
 */
export function createDayBudget(max: number | undefined, clock: { monotonicMs(): number }): () => boolean {
  if (max === undefined) return () => true;
  const burst = Math.max(1, max / 5);
  let tokens = burst;
  let atMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    tokens = Math.min(burst, tokens + ((nowMs - atMs) * max) / 86_400_000);
    atMs = nowMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
