import { connectionNames, hopHeader, isHopHeader } from "./hop-headers.ts";
import type { Target } from "./target.ts";
import type { TargetHeaders } from "./target-headers.ts";

/** A request as it goes to a target, without its body. */
export type UpstreamRequest = {
  method: string;
  /** As it stood in the request line, absolute form included. */
  url: string;
  rawHeaders: string[];
  /** A body follows: it came with a length or in chunks. */
  hasBody: boolean;
  chunked: boolean;
  /** The client waits for 100 Continue before it sends the body. */
  expects: boolean;
  upgrade: boolean;
  idempotent: boolean;
  deadlineAtMs?: number | undefined;
};

/**
 * The request head for a target, in Latin-1: what the client sent, byte for byte and in its order, without what
 * belonged to its connection to us. `Expect` is left out where the client has had its 100 Continue already.
 */
export function requestHead(
  request: UpstreamRequest,
  target: Target,
  added: TargetHeaders,
  host: string,
): string {
  const declared = connectionNames(request.rawHeaders);
  let text = `${request.method} ${request.url} HTTP/1.1\r\n`;
  let hosted = false;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? "";
    if (isHopHeader(name, declared) && !(request.upgrade && upgradePattern.test(name))) continue;
    if (added.size > 0 && added.has(name.toLowerCase())) continue;
    if (!request.expects && name.length === 6 && name.toLowerCase() === "expect") continue;
    if (name.length === 4 && name.toLowerCase() === "host") hosted = true;
    text += `${name}: ${request.rawHeaders[i + 1] ?? ""}\r\n`;
  }
  // A client of HTTP/1.0 may leave it out; we speak 1.1 and may not.
  if (!hosted && !added.has("host")) text += `Host: ${host}\r\n`;
  for (const { name, value } of added.values()) text += `${name}: ${value}\r\n`;
  if (target.hop === "tap") text += `${hopHeader}: 1\r\n`;
  return `${text}\r\n`;
}

const upgradePattern = /^(?:connection|upgrade)$/i;
