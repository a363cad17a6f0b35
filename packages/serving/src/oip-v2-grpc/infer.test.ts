import { afterEach, expect, test } from "vitest";
import { encodeElements } from "../tensor/binary-tensor.ts";
import { codeOf } from "../testing/code-of.ts";
import { asking, goodAnswer, grpcRig, output, serverNamed } from "../testing/grpc-rig.ts";
import { decodeMessage, encodeMessage } from "../testing/scripted-grpc-server.ts";

const call = { timeoutMs: 20_000 };
const rig = grpcRig();
const { at } = rig;
afterEach(rig.close);

const sent = (name = "ModelInfer") =>
  rig.server.asked.filter((it) => it.call === name).map(({ message }) => decodeMessage("Infer", message));

test.for([
  [5, "Request for unknown model: 'm' is not found", "model-unknown"],
  [3, "unexpected shape for input 'x'", "upstream-refused"],
  [13, "builtins.ValueError", "upstream-refused"],
  [2, "Unexpected <class 'KeyError'>", "upstream-refused"],
  [8, "too many requests", "upstream-refused"],
  [14, "explicit model load / unload is not allowed", "upstream-refused"],
  [16, "no token", "upstream-refused"],
  [4, "Deadline Exceeded", "upstream-timeout"],
  [12, "Method not implemented!", "upstream-protocol"],
] as const)("status %i (%s) of an inference is %s", async ([code, details, fault]) => {
  await at({ ModelInfer: () => ({ code, details }) });
  expect(await codeOf(rig.one.infer("m", asking, call))).toBe(fault);
});

test("the request over REST becomes typed contents, and what only REST has is left out", async () => {
  await at({ ModelInfer: goodAnswer });
  const request = {
    id: "mine",
    parameters: {
      binary_data_output: true,
      sequence_id: 7,
      priority: "high",
      ratio: 0.5,
      flag: false,
      deep: {},
    },
    inputs: [
      { name: "f", datatype: "FP32", shape: [2, 1], data: [[1.5], [-2]], parameters: { content_type: "np" } },
      { name: "i", datatype: "INT64", shape: [2], data: [-3, "4"] },
      { name: "u", datatype: "UINT8", shape: [1], data: [255] },
      { name: "b", datatype: "BOOL", shape: [2], data: [true, 0] },
      { name: "t", datatype: "BYTES", shape: [1], data: ["模型"] },
    ],
    outputs: [{ name: "y", parameters: { binary_data: true, classification: 2 } }],
  };
  await rig.one.infer("m", request, call);
  expect(sent()).toEqual([
    {
      model_name: "m",
      model_version: "",
      id: expect.not.stringMatching(/^(mine)?$/),
      parameters: {
        sequence_id: { int64_param: 7 },
        priority: { string_param: "high" },
        ratio: { double_param: 0.5 },
        flag: { bool_param: false },
      },
      inputs: [
        {
          name: "f",
          datatype: "FP32",
          shape: [2, 1],
          parameters: { content_type: { string_param: "np" } },
          contents: { fp32_contents: [1.5, -2] },
        },
        { name: "i", datatype: "INT64", shape: [2], contents: { int64_contents: [-3, 4] } },
        { name: "u", datatype: "UINT8", shape: [1], contents: { uint_contents: [255] } },
        { name: "b", datatype: "BOOL", shape: [2], contents: { bool_contents: [true, false] } },
        { name: "t", datatype: "BYTES", shape: [1], contents: { bytes_contents: [Buffer.from("模型")] } },
      ],
      outputs: [{ name: "y", parameters: { classification: { int64_param: 2 } } }],
    },
  ]);
});

test("a version that is named goes beside the model's name; without the salt the request's own id stays", async () => {
  await at({
    ModelInfer: goodAnswer,
    ModelReady: () => encodeMessage("Ready", { ready: true }),
    ModelMetadata: () => encodeMessage("ModelMetadata", { name: "m" }),
  });
  await rig.one.infer("m@2", { id: "mine", ...asking }, { ...call, salted: false });
  expect(sent()).toMatchObject([{ model_name: "m", model_version: "2", id: "mine" }]);
  await rig.one.ready("m@2", call);
  await rig.one.metadata("m@2", call);
  const named = rig.server.asked.filter(({ call }) => call === "ModelReady" || call === "ModelMetadata");
  expect(named.map(({ message }) => decodeMessage("Named", message))).toEqual(
    Array(2).fill({ name: "m", version: "2" }),
  );
});

test("half precision makes all tensors raw", async () => {
  await at({ ModelInfer: goodAnswer });
  const half = { name: "h", datatype: "FP16", shape: [2], data: [1, -2] };
  const text = { name: "t", datatype: "BYTES", shape: [1], data: ["ab"] };
  await rig.one.infer("m", { inputs: [half, text] }, call);
  expect(sent()).toMatchObject([
    {
      inputs: [{ name: "h" }, { name: "t" }],
      raw_input_contents: [Buffer.from([0x00, 0x3c, 0x00, 0xc0]), Buffer.from([2, 0, 0, 0, 0x61, 0x62])],
    },
  ]);
});

test.for([
  ["a text", "no request"],
  ["a fraction", { inputs: [{ name: "i", datatype: "INT32", shape: [1], data: [1.5] }] }],
  ["a number out of range", { inputs: [{ name: "i", datatype: "UINT8", shape: [1], data: [256] }] }],
  ["an unknown datatype", { inputs: [{ name: "i", datatype: "FP8", shape: [1], data: [1] }] }],
] as const)("%s is no request", async ([, request]) => {
  await at({ ModelInfer: goodAnswer });
  expect(await codeOf(rig.one.infer("m", request, call))).toBe("request-invalid");
  expect(rig.server.asked).toEqual([]);
});

test("raw outputs are read by their datatypes; one in shared memory has none", async () => {
  const shared = { shared_memory_region: { string_param: "r" } };
  await at({
    ModelInfer: () =>
      encodeMessage("Answer", {
        outputs: [
          { name: "s", datatype: "FP32", shape: [1], parameters: shared },
          { name: "h", datatype: "FP16", shape: [2] },
          { name: "t", datatype: "BYTES", shape: [1] },
        ],
        raw_output_contents: [
          Buffer.alloc(0),
          encodeElements({ datatype: "FP16", data: [1.5, Number.NaN] }),
          encodeElements({ datatype: "BYTES", data: ["é"] }),
        ],
      }),
  });
  const { outputs } = await rig.one.infer("m", asking, call);
  expect(outputs.map(({ name, data }) => [name, Array.from(data)])).toEqual([
    ["h", [1.5, Number.NaN]],
    ["t", ["é"]],
  ]);
});

test.for([
  ["bytes of another message", Buffer.from("<!doctype html>")],
  ["half a message", encodeMessage("Answer", { outputs: [output] }).subarray(0, 7)],
  [
    "fewer raw contents than outputs",
    encodeMessage("Answer", { outputs: [output, output], raw_output_contents: [Buffer.alloc(4)] }),
  ],
  [
    "raw contents that do not fill the shape",
    encodeMessage("Answer", { outputs: [output], raw_output_contents: [Buffer.alloc(8)] }),
  ],
  [
    "texts in a tensor of numbers",
    encodeMessage("Answer", { outputs: [{ ...output, contents: { bytes_contents: [Buffer.from("NaN")] } }] }),
  ],
  [
    "typed contents that do not",
    encodeMessage("Answer", { outputs: [{ ...output, shape: [1_000_000, 1000] }] }),
  ],
  ["an unknown datatype", encodeMessage("Answer", { outputs: [{ ...output, datatype: "FP8" }] })],
  ["a negative size", encodeMessage("Answer", { outputs: [{ ...output, shape: [-1] }] })],
  ["a message of empty outputs", Buffer.alloc(900_000, Buffer.from([0x2a, 0]))],
  [
    "more than the limit",
    encodeMessage("Answer", { outputs: [output], raw_output_contents: [Buffer.alloc(2_000_000)] }),
  ],
] as const)("%s: a fault of the protocol", async ([, answer]) => {
  await at({ ModelInfer: () => answer }, { answerBytesMax: 1_000_000 });
  expect(await codeOf(rig.one.infer("m", asking, call))).toBe("upstream-protocol");
});

test("a model that answers with several messages is asked by a stream, read to its end", async () => {
  const piece = (...values: number[]) =>
    encodeMessage("StreamAnswer", {
      infer_response: {
        outputs: [{ ...output, shape: [values.length, 1], contents: { fp32_contents: values } }],
      },
    });
  const decoupled = {
    code: 12,
    details: "ModelInfer RPC doesn't support models with decoupled transaction policy",
  };
  let pieces: Uint8Array[] = [piece(1), piece(2, 3), encodeMessage("StreamAnswer", { infer_response: {} })];
  await at({ ModelInfer: () => decoupled, ModelStreamInfer: () => pieces }, { answerBytesMax: 10_000 });
  expect((await rig.one.infer("m", asking, call)).outputs).toEqual([
    { name: "y", datatype: "FP32", shape: [3, 1], data: [1, 2, 3] },
  ]);
  expect(sent("ModelStreamInfer")).toMatchObject([{ model_name: "m" }]);

  pieces = [piece(1), encodeMessage("StreamAnswer", { error_message: "out of memory" })];
  expect(await codeOf(rig.one.infer("m", asking, call))).toBe("upstream-refused");

  pieces = Array.from({ length: 1000 }, () => piece(1));
  expect(await codeOf(rig.one.infer("m", asking, call))).toBe("upstream-protocol");
});

test.for([
  ["triton with its cache off", serverNamed("triton"), { config: {} }, false],
  [
    "triton with its cache on",
    serverNamed("triton"),
    { config: { response_cache: { enable: true } } },
    "unknown",
  ],
  ["kserve", serverNamed("kserve"), undefined, false],
  ["a server that does not say its name", undefined, undefined, "unknown"],
] as const)("may an answer be cached: %s", async ([, metadata, config, cached]) => {
  await at({
    ModelInfer: goodAnswer,
    ...(metadata ? { ServerMetadata: metadata } : {}),
    ...(config ? { ModelConfig: () => encodeMessage("ModelConfig", config) } : {}),
  });
  expect((await rig.one.infer("m", asking, call)).cached).toBe(cached);
});
