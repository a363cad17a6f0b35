import { Fault } from "@locum/contracts";

const hourMs = 3_600_000;
/** Times that a dashboard looks back over; each a word in its address. */
export const spans = {
  "1h": ["the last hour", hourMs],
  "24h": ["the last 24 hours", 24 * hourMs],
  "7d": ["the last 7 days", 7 * 24 * hourMs],
  "30d": ["the last 30 days", 30 * 24 * hourMs],
  "1y": ["the last year", 365 * 24 * hourMs],
} as const satisfies Record<string, readonly [text: string, ms: number]>;
export type Span = keyof typeof spans;

/** @throws Fault request-invalid */
export function readSpan(text: string | null): Span {
  if (text === null || text === "") return "24h";
  if (Object.hasOwn(spans, text)) return text as Span;
  throw new Fault(
    "request-invalid",
    `span: expected one of ${Object.keys(spans).join(", ")}, found "${text.slice(0, 20)}"`,
  );
}
