import { Fault } from "@locum/contracts";

/** The number of a flag. @throws Fault usage */
export function wholeNumber(flag: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new Fault("usage", `--${flag}: expected a whole number from ${min} to ${max}, found "${text}"`);
}
