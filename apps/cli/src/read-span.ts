import { Fault } from "@locum/contracts";

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/**
 * A span as people type it: 90s, 5m, 1h.
 * @throws Fault usage
 */
export function readSpan(text: string, flag: string): number {
  const [, number, unit] = /^(\d{1,6})(ms|s|m|min|h)$/.exec(text) ?? [];
  const factor = units[unit ?? ""];
  if (number === undefined || factor === undefined)
    throw new Fault("usage", `${flag}: expected a span such as 90s or 5m, found "${text}"`);
  return Number(number) * factor;
}
