import { Fault, type Protocol } from "@locum/contracts";
import { type ReadBody, readerOf } from "./request-readers.ts";

/** One input to record. `at` is where it stands, for messages. */
export type GoldenRequest = ReadBody & { at: string; model: string | undefined };

const requestsMax = 1024;

/**
 * The requests of an inputs file, in the protocol's own JSON: a list, `{"requests":[...]}` or one alone. Each is bare,
 * or names its model: `{"path":"/v2/models/M/infer","inputs":[...]}`, `{"model":"M","request":{...}}`. `recorded`: they
 * come from a release and are asked as they are.
 * @throws Fault request-invalid
 */
export function readRequests(
  value: unknown,
  file: string,
  options: { protocol?: Protocol | undefined; recorded?: boolean } = {},
): GoldenRequest[] {
  const list = Array.isArray(value)
    ? value
    : isObject(value) && Array.isArray(value.requests)
      ? value.requests
      : isObject(value)
        ? [value]
        : [];
  if (list.length === 0)
    throw invalid(
      `${file}: expected a list of requests, found ${Array.isArray(value) ? "an empty one" : "none"}`,
    );
  if (list.length > requestsMax)
    throw invalid(`${file}: expected at most ${requestsMax} requests, found ${list.length}`);
  return list.map((entry, index) => readRequest(entry, `${file}[${index}]`, options));
}

function readRequest(
  entry: unknown,
  at: string,
  { protocol, recorded = false }: { protocol?: Protocol | undefined; recorded?: boolean },
): GoldenRequest {
  if (!isObject(entry))
    throw invalid(`${at}: expected an object, found ${JSON.stringify(entry)?.slice(0, 60)}`);
  const { path, model, model_name: modelName, request: whole, body, ...bare } = entry;
  const given = isObject(whole) ? whole : isObject(body) ? body : bare;
  const route = pathOf(path, at);
  const reader = readerOf({ protocol, path: route, body: given });
  const onPath = route === undefined ? undefined : reader.path(route);
  if (route !== undefined && !onPath)
    throw invalid(
      `${at}: expected a path as /v2/models/M/infer or /v1/chat/completions, found ${JSON.stringify(path)}`,
    );
  const read = naming(at, () => reader.read(given));
  const named = onPath?.model ?? model ?? modelName ?? given.model;
  const base = { at, model: typeof named === "string" ? named : undefined };
  if (!recorded) return { ...base, ...read };
  const { fallback: _fallback, settle: _settle, ...asked } = read;
  return { ...base, ...asked, request: given };
}

function pathOf(path: unknown, at: string): string | undefined {
  if (path === undefined) return undefined;
  if (typeof path !== "string" || path.length > 4096)
    throw invalid(`${at}: expected a path, found ${typeof path}`);
  return path.replace(/^https?:\/\/[^/]+/, "").replace(/[?#].*$/, "");
}

function naming<T>(at: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Fault
      ? new Fault("request-invalid", `${at}: ${error.message}`, { hint: error.hint || hint })
      : error;
  }
}

const hint =
  'Write each request as the server takes it: {"inputs":[{"name","datatype","shape","data"}]}, {"messages":[...]}.';

const invalid = (message: string): Fault => new Fault("request-invalid", message, { hint });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
