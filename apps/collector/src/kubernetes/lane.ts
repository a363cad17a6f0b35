export type Lane = {
  /** Does the work soon; calls that come meanwhile are one more turn. Resolves when that turn is over, never rejects. */
  run(): Promise<void>;
  idle(): Promise<void>;
};

/** One work at a time, and never more than one turn waiting. */
export function createLane(work: () => Promise<unknown>, onError: (error: unknown) => void): Lane {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const turn = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      onError(error);
    }
  };
  const start = (): Promise<void> => {
    const one = turn().finally(() => {
      if (running === one) running = null;
    });
    running = one;
    return one;
  };
  return {
    run() {
      if (!running) return start();
      next ??= running.then(() => {
        next = null;
        return start();
      });
      return next;
    },
    async idle() {
      while (running || next) await (next ?? running);
    },
  };
}
