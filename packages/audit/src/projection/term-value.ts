import type { AuditField } from "@locum/contracts";

/**
 * A value as its column holds it; undefined where no record can have it: a text or a truth is no number, and numbers
 * are whole. A server would refuse the question, or take 2026 for a year.
 */
export function termValue(field: AuditField, value: string | number | boolean): string | number | undefined {
  const isNumber = ["seq", "at", "epoch"].includes(field) || field.startsWith("measures.");
  if (!isNumber) return String(value);
  const number = typeof value === "boolean" ? Number.NaN : Number(value);
  return String(number) === String(value) && Number.isSafeInteger(number) ? number : undefined;
}
