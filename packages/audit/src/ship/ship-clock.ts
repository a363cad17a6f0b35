/** What the shipper needs of a clock. */
export type ShipClock = {
  /** Milliseconds that never go back. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for people. */
  wallMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};
