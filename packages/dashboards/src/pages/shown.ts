import { type Html, html } from "./html.ts";

/** A length of time for people: 42 ms, 2.1 s, 12 min, 3 h, 5 d. */
export function spanText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trimmed(ms / 1000)} s`;
  if (ms < 3_600_000) return `${trimmed(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${trimmed(ms / 3_600_000)} h` : `${trimmed(ms / 86_400_000)} d`;
}

/** A wall clock time to the second, in UTC: evidence is compared between machines and months. */
export function timeOf(atMs: number): Html {
  const iso = isoOf(atMs);
  return iso === null
    ? html`${atMs}`
    : html`<time datetime="${iso}" title="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)}</time>`;
}

/** Null where it is no time that a calendar has. */
export const isoOf = (atMs: number): string | null =>
  Math.abs(atMs) <= 8.64e15 ? new Date(atMs).toISOString() : null;

/** The first letters of a digest; the whole of it stays readable. */
export function digestOf(digest: string | null): Html {
  if (digest === null) return html`<span class="quiet">none</span>`;
  const short = digest.replace(/^sha256:/, "").slice(0, 10);
  return html`<code title="${digest}">${short}</code>`;
}

export const numberText = (value: number): string =>
  Math.abs(value) >= 1e15 || Number.isInteger(value)
    ? value.toLocaleString("en-US", { maximumFractionDigits: 0 })
    : value.toLocaleString("en-US", { maximumFractionDigits: 2 });

const trimmed = (value: number): string => value.toFixed(value < 10 ? 1 : 0).replace(/\.0$/, "");
