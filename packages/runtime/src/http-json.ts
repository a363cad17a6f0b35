import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { Fault } from "@locum/contracts";

export type JsonAnswer = { status: number; headers: Record<string, string>; body: unknown };

/**
 * One JSON request over node:http(s), for the paths where loading fetch would cost ten megabytes. The body of the
 * answer is bounded, and undefined where there is none; any status is an answer. Not retried, not redirected.
 * @throws Fault upstream-unreachable | upstream-timeout | upstream-protocol (too large, or not JSON)
 */
export async function requestJson({
  url,
  method = "GET",
  body,
  headers = {},
  ca,
  timeoutMs = 5000,
  bytesMax = 8_388_608,
  signal,
}: {
  url: string;
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  ca?: string;
  timeoutMs?: number;
  bytesMax?: number;
  signal?: AbortSignal;
}): Promise<JsonAnswer> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const deadline = AbortSignal.timeout(timeoutMs);
  const options: RequestOptions & { ca?: string } = {
    method,
    agent: false,
    signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    headers: {
      accept: "application/json",
      ...(payload ? { "content-type": "application/json", "content-length": payload.length } : {}),
      ...headers,
    },
    ...(ca === undefined ? {} : { ca }),
  };
  try {
    const answer = await exchange(url, options, payload, bytesMax);
    return { ...answer, body: parse(answer.text) };
  } catch (error) {
    if (error instanceof Fault) throw error;
    const where = `${method} ${new URL(url).origin}`;
    if (deadline.aborted)
      throw new Fault("upstream-timeout", `${where}: no answer within ${timeoutMs} ms`, { cause: error });
    throw new Fault("upstream-unreachable", `${where}: ${(error as Error).message}`, { cause: error });
  }
}

function exchange(url: string, options: RequestOptions, payload: Buffer | undefined, bytesMax: number) {
  return new Promise<{ status: number; headers: Record<string, string>; text: string }>((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const request = send(url, options, (answer) => {
      const parts: Buffer[] = [];
      let length = 0;
      answer.on("data", (part: Buffer) => {
        length += part.length;
        if (length > bytesMax) {
          reject(
            new Fault("upstream-protocol", `expected an answer of at most ${bytesMax} bytes, found more`),
          );
          request.destroy();
        } else parts.push(part);
      });
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: Object.fromEntries(
            Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
          ),
          text: Buffer.concat(parts).toString("utf8"),
        }),
      );
    });
    request.on("error", reject);
    request.end(payload);
  });
}

function parse(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault("upstream-protocol", `expected JSON, found "${text.slice(0, 40)}"`, { cause: error });
  }
}
