import type { TapProgress } from "../tap/tap-progress.ts";
import type { Traffic } from "../traffic.ts";

/**
 * How long a golden may have to wait behind a prompt that is being read: as long as reading it may take. Zero where no
 * request waits for its first token, or none was ever seen to come.
 */
export function readingMs(
  tap: Pick<TapProgress, "waitingOnOwn" | "waitingBytesMax"> | null,
  { firstTokenMs }: Pick<Traffic, "firstTokenMs">,
  silenceLimitMs: (p99Ms: number) => number,
): number {
  if (!tap || tap.waitingOnOwn === 0) return 0;
  const p99Ms = firstTokenMs(tap.waitingBytesMax);
  return p99Ms === 0 ? 0 : silenceLimitMs(p99Ms);
}
