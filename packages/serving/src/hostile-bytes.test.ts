import { Fault, HttpJson } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorText } from "./http/ask-json.ts";
import { openJsonPaths } from "./http-json/json-paths.ts";
import { tensorsOfAnswer } from "./json/tensors-of-answer.ts";
import { encodeInfer } from "./oip-v2/encode-infer.ts";
import { metadataOf } from "./oip-v2/metadata.ts";
import { modelsOfIndex } from "./oip-v2/models.ts";
import { decodeGrpcAnswer } from "./oip-v2-grpc/decode-answer.ts";
import { grpcInferRequest } from "./oip-v2-grpc/encode-infer.ts";
import { decodeAnswer } from "./oip-v2-rest/decode-answer.ts";
import { decodeRequest } from "./oip-v2-rest/decode-request.ts";
import { readOpenaiAnswer } from "./openai/answer.ts";
import { pinOpenai } from "./openai/golden.ts";
import { encodeMessage, framed } from "./testing/scripted-grpc-server.ts";
import { openWires, type Wire } from "./wire.ts";

const sse = { "content-type": "text/event-stream" };
const event = (said: object) => `data: ${JSON.stringify(said)}\n\n`;
const token = { token: "a", logprob: -0.5, top_logprobs: [{ token: "b", logprob: -1 }] };
const choice = { index: 0, delta: { content: "a" }, logprobs: { content: [token] }, finish_reason: "stop" };
const output = { name: "y", datatype: "FP32", shape: [2] };
const grpcAnswer = encodeMessage("Answer", {
  outputs: [
    output,
    { name: "t", datatype: "BYTES", shape: [1], contents: { bytes_contents: [Buffer.from("a")] } },
  ],
  raw_output_contents: [Buffer.alloc(8)],
});

/** Good bodies of every protocol: what is bad is a step away from them. */
const bodies: Buffer[] = [
  JSON.stringify({ outputs: [{ ...output, data: [1, null] }], model_name: "m" }),
  JSON.stringify({ outputs: [{ ...output, parameters: { binary_data_size: 8 } }] }) + "\0".repeat(8),
  JSON.stringify({ inputs: [{ ...output, data: [[1], [2]] }], parameters: { sequence_id: 7 } }),
  JSON.stringify({ predictions: [[1, "NaN"], { b64: "AA==" }], outputs: { a: [{ x: 1 }, { x: 2 }] } }),
  JSON.stringify({
    model: "m",
    messages: [],
    prompt: "a",
    tools: [],
    choices: [choice],
    usage: { prompt_tokens: 1 },
  }),
  JSON.stringify({
    data: [
      { index: 0, embedding: [0.5] },
      { index: 1, embedding: "AAAAPw==" },
    ],
  }),
  JSON.stringify({
    name: "m",
    versions: ["1"],
    inputs: [output],
    outputs: [output],
    error: { message: "x" },
  }),
  JSON.stringify([{ name: "m", version: "1", state: "READY" }]),
  `${event({ model: "m", choices: [choice] })}event: error\n${event({ error: { message: "x" } })}data: [DONE]\n\n`,
  event({
    type: "response.completed",
    response: { object: "response", output: [{ type: "message", content: [] }] },
  }),
  grpcAnswer,
  framed(grpcAnswer),
  framed(encodeMessage("StreamAnswer", { infer_response: { outputs: [output] } })),
].map((body) => Buffer.from(body));

const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      '"',
      "null",
      "NaN",
      "-1",
      "1e999",
      "[[[[",
      "\n\n",
      "data: ",
      "\u4e2d",
    )
    .map((text) => Buffer.from(text)),
);
const step = fc.record({ at: fc.nat(), cut: fc.nat({ max: 12 }), put: garbage });
const body = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.tuple(fc.constantFrom(...bodies), fc.array(step, { maxLength: 4 })).map(([good, steps]) =>
    steps.reduce((bytes, { at, cut, put }) => {
      const place = at % (bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + cut)]);
    }, good),
  ),
);
const headers = fc.record(
  {
    "content-type": fc.constantFrom(
      "application/json",
      "text/event-stream",
      "application/grpc",
      "text/plain",
      "",
    ),
    "content-encoding": fc.constantFrom("identity", "gzip", "br", "zstd", "x"),
    "grpc-encoding": fc.constantFrom("gzip", "identity", "x"),
    "inference-header-content-length": fc.oneof(
      fc.nat({ max: 200 }).map(String),
      fc.string({ maxLength: 4 }),
    ),
  },
  { requiredKeys: [] },
);

/** Of another mind than a Fault is a defect here. */
function onlyFaults(work: () => unknown): void {
  try {
    work();
  } catch (fault) {
    expect(fault).toBeInstanceOf(Fault);
  }
}

const httpJson = HttpJson.parse({ infer: "/run/{model}", models: ["m"], outputs: { all: "$" } });
const wireOf = openWires({ httpJson });
const grpc = { "content-type": "application/grpc" };
const wires = Object.entries({
  "/v2/models/m/infer": {},
  "/inference.GRPCInferenceService/ModelInfer": grpc,
  "/inference.GRPCInferenceService/ModelStreamInfer": grpc,
  "/v1/chat/completions": {},
  "/v1/models/m:predict": {},
  "/predictions/m": {},
  "/run/m": {},
}).map(([path, said]): [string, Wire | undefined] => [
  path,
  wireOf({ method: "POST", path, headers: said })?.wire,
]);

describe("whatever comes", () => {
  test.for(wires)("the wire of %s throws nothing, in any pieces", ([, wire]) => {
    expect(wire).toBeDefined();
    fc.assert(
      fc.property(
        headers,
        body,
        fc.integer({ min: 1, max: 64 }),
        fc.boolean(),
        (head, bytes, size, isCut) => {
          wire?.look?.(head, bytes);
          wire?.defect(head, bytes, { model: "m" });
          const stream = wire?.stream?.({ ...head, "content-encoding": "identity" }, { model: "m" });
          if (!stream) return;
          for (let at = 0; at < bytes.length; at += size) stream.push(bytes.subarray(at, at + size));
          expect(stream.items()).toBeGreaterThanOrEqual(0);
          if (isCut) stream.cut();
          else stream.end();
        },
      ),
    );
  });

  test("any path routes or does not", () => {
    const path = fc.oneof(
      fc.string(),
      fc.webPath(),
      fc.constantFrom("/v2/models/%/infer", "/v1/models/%zz:predict"),
    );
    fc.assert(
      fc.property(path, fc.constantFrom("GET", "POST", "PUT", "x"), headers, (path, method, head) => {
        const found = wireOf({ path, method, headers: head });
        if (found) expect(found.route).toHaveProperty("repeatable");
      }),
    );
  });

  test.for<[string, (head: Record<string, string>, bytes: Buffer) => unknown]>([
    ["a v2 answer", decodeAnswer],
    ["a v2 request", decodeRequest],
    ["a gRPC answer", (_head, bytes) => decodeGrpcAnswer(bytes)],
    ["an OpenAI answer", readOpenaiAnswer],
    ["an OpenAI stream", (_head, bytes) => readOpenaiAnswer(sse, bytes)],
    ["an answer of no form", (head, bytes) => tensorsOfAnswer(head, bytes, "y")],
    ["an error", (_head, bytes) => errorText(bytes)],
  ])("%s is read, or a Fault", ([, read]) => {
    fc.assert(
      fc.property(headers, body, (head, bytes) =>
        onlyFaults(() => read(head as Record<string, string>, bytes)),
      ),
    );
  });

  test("any JSON is a request, metadata and a list, or a Fault", () => {
    const good = fc.constantFrom(...bodies.slice(0, 8).flatMap((one) => jsonOf(one)));
    const known = fc.constantFrom(
      "inputs",
      "outputs",
      "shape",
      "data",
      "datatype",
      "name",
      "parameters",
      "versions",
    );
    const any = fc.oneof(good, fc.dictionary(known, fc.jsonValue()), fc.jsonValue());
    fc.assert(
      fc.property(any, (said) => {
        onlyFaults(() => encodeInfer(said, { id: "i", takesBinary: true }));
        onlyFaults(() => encodeMessage("Infer", grpcInferRequest(said, { model: "m", id: undefined })));
        onlyFaults(() => metadataOf(said));
        onlyFaults(() => modelsOfIndex(said));
        if (typeof said === "object" && said !== null)
          onlyFaults(() => pinOpenai(said as Record<string, unknown>));
      }),
    );
  });

  test("outputs by paths are found, or a Fault", async () => {
    const outputsOf = openJsonPaths({
      all: "$",
      deep: "$..a",
      one: "$.outputs[0].data",
      some: "$[?@.x > 1]",
    });
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (said) => {
        await outputsOf(said).catch((fault) => expect(fault).toBeInstanceOf(Fault));
      }),
    );
  });
});

function jsonOf(bytes: Buffer): unknown[] {
  try {
    return [JSON.parse(bytes.toString())];
  } catch {
    return [];
  }
}
