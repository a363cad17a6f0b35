import { sha256Hex } from "./release-seal.ts";

/**
 * A line of the collector's input log (JSON lines): the state that the inputs begin with, then each input, followed
 * by the digest of the effects that were decided from it. So a replay shows not only that the core decides alike
 * twice, but that it decides what it decided then.
 */
export type InputLogLine<State, Input> = { state: State } | { input: Input } | { effects: string };

// Infinity is a time in a state ("never"), and JSON has no word for it.
const withInfinity = (_: string, value: unknown): unknown =>
  value === Number.POSITIVE_INFINITY ? { $: "Infinity" } : value;
const asInfinity = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && "$" in value && value.$ === "Infinity"
    ? Number.POSITIVE_INFINITY
    : value;

export const encodeInputLogLine = (line: InputLogLine<unknown, unknown>): string =>
  JSON.stringify(line, withInfinity);

/** Undefined where the text is no line of an input log. */
export function decodeInputLogLine<State, Input>(text: string): InputLogLine<State, Input> | undefined {
  try {
    const line: unknown = JSON.parse(text, asInfinity);
    const known = ["state", "input", "effects"];
    const isLine = typeof line === "object" && line !== null && known.some((name) => name in line);
    return isLine ? (line as InputLogLine<State, Input>) : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256 over the JSON of the effects, in the order in which the core wrote it. */
export const effectsDigest = (effects: readonly unknown[]): string =>
  sha256Hex(JSON.stringify(effects, withInfinity));
