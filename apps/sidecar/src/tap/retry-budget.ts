export type RetryBudget = {
  /** Counts one request of normal traffic. */
  deposit(nowMs: number): void;
  /** Takes one retry, or answers false when traffic of the last seconds has paid for no more. */
  withdraw(nowMs: number): boolean;
};

/**
 * At most `ratio` of the traffic plus `perSecond`, over a sliding window of whole seconds (the rule and the
 * window of ten seconds are those of Finagle's RetryBudget). A window, rather than a bucket that fills for ever,
 * keeps an hour of calm from paying for a storm, and still lets one second of faults use what ten have paid.
 */
export function createRetryBudget({
  ratio = 0.2,
  perSecond = 10,
  windowSeconds = 10,
}: {
  ratio?: number;
  perSecond?: number;
  windowSeconds?: number;
} = {}): RetryBudget {
  const balances = new Float64Array(windowSeconds);
  const seconds = new Float64Array(windowSeconds).fill(Number.NEGATIVE_INFINITY);
  const slotAt = (nowMs: number) => {
    const second = Math.floor(nowMs / 1000);
    const slot = second % windowSeconds;
    if (seconds[slot] !== second) {
      seconds[slot] = second;
      balances[slot] = 0;
    }
    return slot;
  };
  return {
    deposit(nowMs) {
      const slot = slotAt(nowMs);
      balances[slot] = (balances[slot] ?? 0) + ratio;
    },
    withdraw(nowMs) {
      const slot = slotAt(nowMs);
      const oldest = Math.floor(nowMs / 1000) - windowSeconds;
      let balance = perSecond * windowSeconds;
      for (let i = 0; i < windowSeconds; i += 1) {
        if ((seconds[i] ?? 0) > oldest) balance += balances[i] ?? 0;
      }
      // A thousandth of slack: fifty deposits of 0.2 are not exactly ten in binary fractions.
      if (balance < 0.999) return false;
      balances[slot] = (balances[slot] ?? 0) - 1;
      return true;
    },
  };
}
