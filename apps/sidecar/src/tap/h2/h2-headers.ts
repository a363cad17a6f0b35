import { hopHeader } from "../hop-headers.ts";
import type { UpstreamRequest } from "../request-head.ts";
import type { Target } from "../target.ts";
import type { TargetHeaders } from "../target-headers.ts";
import { writeTimeout } from "./grpc.ts";

/** A request's headers for a target: the client's in their order, without what belonged to its connection to us. */
export function requestHeaders(
  { rawHeaders, deadlineAtMs }: UpstreamRequest,
  target: Target,
  { added, scheme, nowMs }: { added: TargetHeaders; scheme: string; nowMs: number },
): string[] {
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    let value = rawHeaders[i + 1] ?? "";
    if (name === hopHeader || name === "http2-settings" || added.has(name)) continue;
    if (name === ":scheme") value = scheme;
    else if (name === "grpc-timeout" && deadlineAtMs !== undefined)
      value = writeTimeout(deadlineAtMs - nowMs);
    headers.push(name, value);
  }
  for (const [name, { value }] of added) headers.push(name, value);
  if (target.hop === "tap") headers.push(hopHeader, "1");
  return headers;
}

/** The first value of a header in a raw list. */
export function rawHeader(raw: readonly string[], wanted: string): string | undefined {
  for (let i = 0; i < raw.length; i += 2) if (raw[i] === wanted) return raw[i + 1];
  return undefined;
}

/** Node takes trailers as an object only. */
export function trailersObject(raw: readonly string[]): Record<string, string | string[]> {
  const trailers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const value = raw[i + 1] ?? "";
    const before = trailers[name];
    trailers[name] = before === undefined ? value : [before, value].flat();
  }
  return trailers;
}
