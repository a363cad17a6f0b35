import { request as httpRequest, type IncomingMessage } from "node:http";
import { type Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { Fault } from "@locum/contracts";
import type { Access } from "./access.ts";

export type Call = {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  path: string;
  body?: { type: string; text: string } | undefined;
  signal: AbortSignal;
};

/**
 * Sends one call and gives the answer when its head is there; the body is the caller's to read or to destroy. A GET
 * that meets a connection which the server has just closed is sent once more, on a fresh one.
 * @throws Fault upstream-unreachable | config-invalid; whatever the signal aborts with
 */
export async function send(access: Access, agent: Agent | undefined, call: Call): Promise<IncomingMessage> {
  const { ca, cert, key, token, serverName } = await access.credentials();
  const payload = call.body && Buffer.from(call.body.text);
  const options: RequestOptions = {
    method: call.method,
    ...(agent === undefined || access.server.startsWith("http:") ? {} : { agent }),
    signal: call.signal,
    headers: {
      accept: "application/json",
      "user-agent": "locum",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      // A DELETE has its length too: without one the next request on this connection would break.
      ...(call.body && payload ? { "content-type": call.body.type, "content-length": payload.length } : {}),
    },
    minVersion: "TLSv1.2",
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
  const url = access.server + call.path;
  try {
    return await once(url, options, payload);
  } catch (error) {
    call.signal.throwIfAborted();
    const { cause, stale } = error as { cause: Error; stale: boolean };
    if (stale && call.method === "GET")
      return await once(url, options, payload).catch((again) => fail(again.cause));
    return fail(cause);
  }

  function fail(cause: Error): never {
    throw new Fault("upstream-unreachable", `${call.method} ${access.server}: ${cause.message}`, {
      hint: "Does the Kubernetes API server run, and may this machine reach it?",
      cause,
    });
  }
}

function once(url: string, options: RequestOptions, payload: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const open = url.startsWith("http:") ? httpRequest : httpsRequest;
    const request = open(url, options, resolve);
    // Only an idle connection that was used before can have been closed without our knowing.
    request.on("error", (cause: NodeJS.ErrnoException) =>
      reject({
        cause,
        stale: request.reusedSocket && (cause.code === "ECONNRESET" || cause.code === "EPIPE"),
      }),
    );
    request.end(payload);
  });
}

/**
 * The whole body as text, bounded.
 * @throws Fault upstream-protocol, where it is too long
 */
export async function readText(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > bytesMax) {
      answer.destroy();
      throw new Fault("upstream-protocol", `expected an answer of at most ${bytesMax} bytes, found more`, {
        hint: "Ask for less with a selector or a limit.",
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
