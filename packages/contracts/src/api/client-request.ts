import type { ClientOptions } from "../client.ts";
import { Fault } from "../fault.ts";
import { faultTable } from "../fault-table.ts";
import { FaultAnswer } from "./fault-answer.ts";

type Query = Record<string, string | number | boolean | undefined>;

export type Transport = {
  get: <T>(path: string, query?: Query, options?: { answers?: number[] }) => Promise<T>;
  post: <T>(path: string, body: object, headers?: Record<string, string>) => Promise<T>;
  put: <T>(path: string, body: object) => Promise<T>;
  remove: <T>(path: string, query?: Query) => Promise<T>;
  /** An answer whose body is read by the caller, without a time limit. */
  stream: (
    path: string,
    query: Query,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ) => Promise<Response>;
};

/** One request and its answer, as a value or as a Fault. */
export function clientRequest({
  baseUrl,
  token,
  timeoutMs = 15_000,
  ca,
  fetch: given,
}: ClientOptions): Transport {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const send = async (path: string, query: Query, init: RequestInit): Promise<Response> => {
    const url = urlOf(baseUrl, path, query);
    const fetchNow =
      given ?? (ca === undefined ? fetch : (await import("./fetch-with-ca.ts")).fetchWithCa(ca));
    try {
      return await fetchNow(url, { ...init, headers: { ...authorization, ...init.headers } });
    } catch (error) {
      throw new Fault("collector-unreachable", `${baseUrl} does not answer: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  };
  const ask = async <T>(path: string, query: Query, init: RequestInit, answers: number[]): Promise<T> => {
    const answer = await send(path, query, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    const text = await answer.text().catch((error: unknown) => {
      throw new Fault("collector-unreachable", `${baseUrl} broke its answer off: ${reasonOf(error)}`);
    });
    if (!answer.ok && !answers.includes(answer.status)) throw faultOf(answer.status, text);
    return parse(text) as T;
  };
  const give = <T>(
    method: "POST" | "PUT",
    path: string,
    body: object,
    more: Record<string, string> = {},
  ): Promise<T> => {
    const headers = { "content-type": "application/json", ...more };
    return ask(path, {}, { method, headers, body: JSON.stringify(body) }, []);
  };
  return {
    get: (path, query = {}, { answers = [] } = {}) => ask(path, query, {}, answers),
    post: (path, body, headers) => give("POST", path, body, headers),
    put: (path, body) => give("PUT", path, body),
    remove: (path, query = {}) => ask(path, query, { method: "DELETE" }, []),
    stream: async (path, query, headers, signal) => {
      const answer = await send(path, query, { headers, ...(signal ? { signal } : {}) });
      if (!answer.ok) throw faultOf(answer.status, await answer.text().catch(() => ""));
      return answer;
    },
  };
}

function urlOf(baseUrl: string, path: string, query: Query): URL {
  const url = new URL(`${baseUrl.replace(/\/$/, "")}${path}`);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault("collector-unreachable", "the answer is not JSON: does a collector listen there?");
  }
}

function faultOf(status: number, text: string): Fault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not from a collector: a proxy in between, or another program on the port.
  }
  const parsed = FaultAnswer.safeParse(value);
  if (!parsed.success)
    return new Fault(
      "collector-unreachable",
      `answer ${status} without a fault: does a collector listen there?`,
    );
  const { code, message, hint } = parsed.data;
  // A newer collector may know codes that this client does not.
  if (!isKnown(code)) return new Fault("internal", `${code}: ${message}`, { hint });
  return new Fault(code, message, { hint });
}

const isKnown = (code: string): code is keyof typeof faultTable => Object.hasOwn(faultTable, code);

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
