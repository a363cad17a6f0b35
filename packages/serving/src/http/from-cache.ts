import type { Headers } from "./exchange.ts";

/** Whether a cache in front of the server says that it gave this answer. */
export function fromCache(headers: Headers): boolean {
  const said = [headers["x-cache"], headers["x-cache-status"], headers["cf-cache-status"]].flat().join(" ");
  // LiteLLM names the key of its response cache on a hit only.
  const keyed = headers["x-litellm-cache-key"] !== undefined;
  return keyed || Number(headers.age ?? 0) > 0 || /\bhit\b/i.test(said);
}
