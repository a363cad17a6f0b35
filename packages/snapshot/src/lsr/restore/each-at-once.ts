/**
 * Does the work for each item, at most `max` at a time, in their order of begin. The first failure ends it: nothing
 * further is begun, and it throws once everything that runs has settled, so that no write comes after it.
 */
export async function eachAtOnce<T>(
  items: Iterable<T>,
  { max, signal }: { max: number; signal?: AbortSignal | undefined },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (failures.length === 0)
      try {
        signal?.throwIfAborted();
        const { done, value } = iterator.next();
        if (done) return;
        await work(value);
      } catch (error) {
        failures.push(error);
      }
  };
  await Promise.all(Array.from({ length: max }, worker));
  if (failures.length > 0) throw failures[0];
}
