import { Fault, modelKey, type Protocol, type Tensor } from "@locum/contracts";
import type { NoiseBands } from "@locum/coordination";
import { decodeRequest, endBeforeTie, inferRoute, openaiAside, openaiNoise, pinOpenai } from "@locum/serving";

type Body = Record<string, unknown>;

/**
 * A request in the form in which it is asked, with its tensors, where the protocol has them, and how outputs vary that
 * vary by more than rounding. `fallback` is asked where a server refuses what `request` asks for in addition.
 */
export type ReadBody = {
  request: Body;
  fallback?: Body;
  inputs: Tensor[];
  noise?: NoiseBands;
  /** Outputs that are told for other reasons than to be expected. */
  aside?: readonly string[];
  /** The request as a first answer to it says that it is better asked. Throws a Fault where none is good. */
  settle?(request: Body, outputs: readonly Tensor[]): Body;
};

/** How the requests of one protocol are known by their path and their fields, and read. */
export type RequestReader = {
  protocols: readonly Protocol[];
  /** Undefined where the path is none of the protocol; `model` where the path does not say it. */
  path(path: string): { model: string | undefined } | undefined;
  fits(body: Body): boolean;
  /** Throws a Fault for what could be no golden. */
  read(body: Body): ReadBody;
};

const openai: RequestReader = {
  protocols: ["openai"],
  path: (path) =>
    /\/v1\/(chat\/completions|completions|embeddings)$/.test(path) ? { model: undefined } : undefined,
  fits: ({ messages, prompt, input }) =>
    messages !== undefined || prompt !== undefined || input !== undefined,
  read(body) {
    // The model stands beside the request, and is put in when it is asked.
    const { model: _model, ...rest } = body;
    if (!openai.fits(rest)) throw new Fault("request-invalid", "expected messages, prompt or input");
    return { ...pinOpenai(rest), inputs: [], noise: openaiNoise, aside: openaiAside, settle: endBeforeTie };
  },
};

const kserveV1: RequestReader = {
  protocols: ["kserve-v1"],
  path: (path) => modelIn(/\/v1\/models\/([^/]+):predict$/.exec(path)),
  fits: ({ instances }) => instances !== undefined,
  read(body) {
    if (body.instances === undefined && body.inputs === undefined)
      throw new Fault("request-invalid", "expected instances, or inputs by their names");
    return { request: body, inputs: [] };
  },
};

const oipV2: RequestReader = {
  protocols: ["oip-v2-rest", "oip-v2-grpc"],
  path: (path) => {
    const route = inferRoute(path);
    return route && { model: modelKey(route) };
  },
  fits: ({ inputs }) => Array.isArray(inputs),
  read(body) {
    // Each question gets an id of its own when it is asked; one that stays would make one input two goldens.
    const { id: _id, ...request } = body;
    if (!Array.isArray(request.inputs))
      throw new Fault(
        "request-invalid",
        `expected "inputs", found ${Object.keys(request).join(", ") || "nothing"}`,
      );
    const { inputs, sequenceId } = decodeRequest({}, Buffer.from(JSON.stringify(request)), {
      bytesMax: 67_108_864,
    });
    if (sequenceId !== undefined)
      throw new Fault(
        "request-invalid",
        `a request of a sequence (sequence_id ${sequenceId}) depends on those before it`,
      );
    return { request, inputs };
  },
};

/** Bodies of these are the model's own: whatever JSON it takes. */
const anyJson: RequestReader = {
  protocols: ["torchserve", "http-json"],
  path: (path) => modelIn(/\/predictions\/([^/]+)(?:\/[^/]+)?$/.exec(path)),
  fits: () => true,
  read: (request) => ({ request, inputs: [] }),
};

const readers = [oipV2, openai, kserveV1, anyJson];

/** By what the server speaks, else by the path that the request names, else by its fields. */
export function readerOf({
  protocol,
  path,
  body,
}: {
  protocol: Protocol | undefined;
  path: string | undefined;
  body: Body;
}): RequestReader {
  return (
    (protocol && readers.find(({ protocols }) => protocols.includes(protocol))) ??
    (path === undefined ? undefined : readers.find((reader) => reader.path(path) !== undefined)) ??
    readers.find((reader) => reader !== anyJson && reader.fits(body)) ??
    oipV2
  );
}

function modelIn(found: RegExpExecArray | null): { model: string } | undefined {
  try {
    return found ? { model: decodeURIComponent(found[1] ?? "") } : undefined;
  } catch {
    return undefined;
  }
}
