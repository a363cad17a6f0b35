import { Fault, type Tensor } from "@locum/contracts";
import { decodeRequest, inferRoute } from "@locum/serving";

/** One input to record. `at` is where it stands, for messages; `inputs` are its tensors. */
export type GoldenRequest = {
  at: string;
  model: string | undefined;
  request: Record<string, unknown>;
  inputs: Tensor[];
};

const requestsMax = 1024;

/**
 * The requests of an inputs file, in the protocol's own JSON: a list, `{"requests":[...]}` or one alone. Each is bare,
 * or names its model: `{"path":"/v2/models/M/infer","inputs":[...]}`, `{"model":"M","request":{...}}`.
 * @throws Fault request-invalid
 */
export function readRequests(value: unknown, file: string): GoldenRequest[] {
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
  return list.map((entry, index) => readRequest(entry, `${file}[${index}]`));
}

function readRequest(entry: unknown, at: string): GoldenRequest {
  if (!isObject(entry))
    throw invalid(`${at}: expected an object, found ${JSON.stringify(entry)?.slice(0, 60)}`);
  const { path, model, model_name: modelName, request: whole, body, ...bare } = entry;
  const request = isObject(whole) ? { ...whole } : isObject(body) ? { ...body } : bare;
  // Each question gets an id of its own when it is asked; one that stays would make one input two goldens.
  delete request.id;
  if (!Array.isArray(request.inputs))
    throw invalid(`${at}: expected "inputs", found ${Object.keys(request).join(", ") || "nothing"}`);
  const { inputs, sequenceId } = decoded(request, at);
  if (sequenceId !== undefined)
    throw invalid(`${at}: a request of a sequence (sequence_id ${sequenceId}) depends on those before it`);
  return { at, model: modelOf({ path, model: model ?? modelName }, at), request, inputs };
}

function modelOf({ path, model }: { path: unknown; model: unknown }, at: string): string | undefined {
  if (path === undefined) return typeof model === "string" ? model : undefined;
  const route = typeof path === "string" ? inferRoute(path.replace(/^https?:\/\/[^/]+/, "")) : undefined;
  if (!route) throw invalid(`${at}: expected a path as /v2/models/M/infer, found ${JSON.stringify(path)}`);
  return route.model;
}

function decoded(request: object, at: string): ReturnType<typeof decodeRequest> {
  try {
    return decodeRequest({}, Buffer.from(JSON.stringify(request)), { bytesMax: 67_108_864 });
  } catch (error) {
    throw error instanceof Fault ? invalid(`${at}: ${error.message}`) : error;
  }
}

const invalid = (message: string): Fault =>
  new Fault("request-invalid", message, {
    hint: 'Write each request as the server takes it: {"inputs":[{"name","datatype","shape","data"}]}.',
  });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
