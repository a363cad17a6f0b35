import type { InferOptions } from "../model-server.ts";

/**
 * Of a JSON request whose body must stay as it is, since unknown keys are errors for some models: what makes it a
 * request never seen before stands in its head.
 */
export function jsonHeaders({ salted = true }: InferOptions, nonce: () => string): Record<string, string> {
  return { "content-type": "application/json", ...(salted ? { "x-request-id": nonce() } : {}) };
}
