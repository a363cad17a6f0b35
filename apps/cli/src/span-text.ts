/** A span of time as people say it: 340 ms, 4.2 s, 12 min, 3 h, 2 d. */
export function spanText(ms: number): string {
  if (!Number.isFinite(ms)) return "-";
  const abs = Math.max(0, ms);
  if (abs < 1000) return `${Math.round(abs)} ms`;
  if (abs < 9950) return `${(abs / 1000).toFixed(1)} s`;
  if (abs < 120_000) return `${Math.round(abs / 1000)} s`;
  if (abs < 7_200_000) return `${Math.round(abs / 60_000)} min`;
  if (abs < 172_800_000) return `${Math.round(abs / 3_600_000)} h`;
  return `${Math.round(abs / 86_400_000)} d`;
}

/** Wall clock as people and logs read it, in UTC. */
export const timeText = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace("T", " ");
