import type { CallOptions } from "./model-server.ts";

/** What is left of one call's time, for each of the questions that it takes. */
export function deadline({ timeoutMs, signal }: CallOptions): () => CallOptions {
  const untilMs = performance.now() + timeoutMs;
  return () => ({ timeoutMs: Math.max(1, untilMs - performance.now()), ...(signal ? { signal } : {}) });
}
