import type { IncomingMessage, ServerResponse } from "node:http";
import type { AnswerHead } from "./answer-head.ts";
import type { ClientSide } from "./client-side.ts";
import { connectionNames, isHopHeader } from "./hop-headers.ts";
import { requestIdHeader } from "./request-id.ts";
import type { TapCore } from "./tap-core.ts";

/** The client's side over HTTP/1: what the server wrote goes out in its order and spelling. */
export function http1Client(core: TapCore, req: IncomingMessage, res: ServerResponse): ClientSide {
  let hasLength = false;
  return {
    status: () => (res.headersSent ? res.statusCode : 0),
    inform: (head) => writeInformation(req, res, head),
    head(head) {
      hasLength = head.contentLength !== undefined;
      res.sendDate = false;
      if (core.draining) res.shouldKeepAlive = false;
      res.writeHead(head.status, head.reason, answerHeaders(head, req, core.deps.stamp()));
    },
    write: (chunk) => res.write(chunk),
    flush: () => res.flushHeaders(),
    end(chunk, rawTrailers) {
      if (rawTrailers.length > 0) res.addTrailers(pairs(rawTrailers));
      res.end(chunk);
    },
    cut: (lastWord) => cutConnection(res, { hasLength, lastWord: hasLength ? undefined : lastWord }),
    refuse(status, reason, { requestId }) {
      if (core.draining) res.shouldKeepAlive = false;
      const named = requestId === undefined ? {} : { [requestIdHeader]: requestId };
      writeRefusal(res, status, reason, { ...core.deps.stamp(), ...named });
    },
  };
}

export function writeRefusal(
  res: ServerResponse,
  status: number,
  reason: string,
  stamp: Record<string, string>,
): void {
  // The body has the shape of the v2 protocol's errors, which most clients of model servers print.
  const body = JSON.stringify({ error: `locum: no answer from the model (${reason})` });
  const headers = ["content-type", "application/json", "content-length", String(Buffer.byteLength(body))];
  headers.push("locum-reason", reason);
  if (status === 503) headers.push("retry-after", "1");
  for (const [name, value] of Object.entries(stamp)) headers.push(name, value);
  res.writeHead(status, headers);
  res.end(body);
}

function writeInformation(req: IncomingMessage, res: ServerResponse, head: AnswerHead): void {
  if (res.headersSent || res.destroyed || req.httpVersionMinor === 0) return;
  if (head.status === 100) return void res.writeContinue();
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (let i = 0; i < head.rawHeaders.length; i += 2) {
    text += `${head.rawHeaders[i]}: ${head.rawHeaders[i + 1]}\r\n`;
  }
  res.socket?.write(`${text}\r\n`, "latin1");
}

function cutConnection(
  res: ServerResponse,
  { hasLength, lastWord }: { hasLength: boolean; lastWord: Uint8Array | undefined },
): void {
  const { socket } = res;
  if (!socket) return void res.destroy();
  if (lastWord) res.write(lastWord);
  // Without a length and without chunks a normal close would mean "complete".
  if (!res.chunkedEncoding && !hasLength) {
    if (!lastWord) return void socket.resetAndDestroy();
    // A reset at once could overtake the last word.
    return void setTimeout(() => socket.resetAndDestroy(), lastWordMs).unref();
  }
  // Node writes chunks at the end of a turn only.
  setImmediate(() => socket.destroySoon());
  const timer = setTimeout(() => socket.destroy(), cutOffMs);
  timer.unref();
}

function answerHeaders(head: AnswerHead, req: IncomingMessage, stamp: Record<string, string>): string[] {
  const declared = connectionNames(head.rawHeaders);
  const headers: string[] = [];
  for (let i = 0; i < head.rawHeaders.length; i += 2) {
    const name = head.rawHeaders[i] ?? "";
    if (isHopHeader(name, declared)) continue;
    // HTTP/1.0 knows no chunks: the body then ends with the connection.
    if (head.chunked && req.httpVersionMinor === 0 && name.toLowerCase() === "transfer-encoding") continue;
    headers.push(name, head.rawHeaders[i + 1] ?? "");
  }
  for (const name in stamp) headers.push(name, stamp[name] ?? "");
  return headers;
}

function pairs(raw: string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) result.push([raw[i] ?? "", raw[i + 1] ?? ""]);
  return result;
}

const cutOffMs = 5_000;
const lastWordMs = 100;
