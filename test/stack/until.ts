/** Looks again and again until the condition holds; says what it waited for where it never did. */
export async function until<T>(
  look: () => T | Promise<T>,
  { what, withinMs = 30_000, everyMs = 20 }: { what: string; withinMs?: number; everyMs?: number },
): Promise<Exclude<T, false | null | undefined>> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined)
      return seen as Exclude<T, false | null | undefined>;
    if (performance.now() > deadlineMs)
      throw new Error(`waited ${Math.round(withinMs / 1000)} s for ${what}`);
    await passed(everyMs);
  }
}

export const passed = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
