import { afterEach, expect, test } from "vitest";
import { connect } from "../connect.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "../testing/scripted-server.ts";

const call = { timeoutMs: 20_000 };
let server: ScriptedServer;
afterEach(() => server.close());

async function at(script: Record<string, Scripted>) {
  server = await startScriptedServer(script);
  return connect({ protocol: "kserve-v1", url: server.url, nonce: () => "n1" });
}

const rows = { instances: [[1, 2]] };
const predicting = (body: unknown) => at({ "POST /v1/models/m:predict": { body } });
const plainOf = (outputs: { name: string; datatype: string; shape: number[]; data: ArrayLike<unknown> }[]) =>
  outputs.map(({ name, datatype, shape, data }) => [name, datatype, shape, Array.from(data)]);

test.for([
  ["rows of one output", { predictions: [[0.1, 0.9]] }, [["predictions", "FP64", [1, 2], [0.1, 0.9]]]],
  [
    "rows of named outputs",
    {
      predictions: [
        { p: [0.1], label: "a" },
        { p: [0.2], label: "b" },
      ],
    },
    [
      ["p", "FP64", [2, 1], [0.1, 0.2]],
      ["label", "BYTES", [2], ["a", "b"]],
    ],
  ],
  ["bytes", { predictions: [{ b64: "AAE=" }] }, [["predictions", "BYTES", [1], ["AAE="]]]],
  ["one output by columns", { outputs: [[1], [2]] }, [["outputs", "FP64", [2, 1], [1, 2]]]],
  [
    "named outputs by columns",
    { outputs: { p: [1], ok: [true] } },
    [
      ["p", "FP64", [1], [1]],
      ["ok", "BOOL", [1], [true]],
    ],
  ],
  ["NaN as orjson writes it", { predictions: [[null]] }, [["predictions", "FP64", [1, 1], [Number.NaN]]]],
  ["NaN as Python writes it", '{"predictions":[NaN]}', [["predictions", "FP64", [1], [Number.NaN]]]],
])("answers: %s", async ([, body, outputs]) => {
  const one = await predicting(body);
  expect(plainOf((await one.infer("m", rows, call)).outputs)).toEqual(outputs);
  one.close();
});

test.for([{ predictions: null }, { error: "no" }, {}, [1], { predictions: [[1], [1, 2]] }])(
  "%j is no answer",
  async (body) => {
    const one = await predicting(body);
    await expect(one.infer("m", rows, call)).rejects.toMatchObject({ code: "upstream-protocol" });
    one.close();
  },
);

test("the body goes as it is, what makes it new in the head, and nothing where a client is played", async () => {
  const one = await predicting({ predictions: [1] });
  await one.infer("m", { ...rows, signature_name: "s" }, call);
  await one.infer("m", rows, { ...call, salted: false });
  expect(server.asked.map(({ headers }) => headers["x-request-id"])).toEqual(["n1", undefined]);
  expect(JSON.parse(server.asked[0]?.body.toString() ?? "")).toEqual({ ...rows, signature_name: "s" });
  await expect(one.infer("m", { inputs_: 1 }, call)).rejects.toMatchObject({ code: "request-invalid" });
  one.close();
});

// TensorFlow Serving, from its documents: no list, status by versions, signatures.
const versions = (...states: string[]) => ({
  body: {
    model_version_status: states.map((state, index) => ({
      version: String(index + 1),
      state,
      status: { error_code: "OK", error_message: "" },
    })),
  },
});
const noList = { status: 400, body: { error: "Missing model name in request." } };

test("TensorFlow Serving is alive without a list, and a model is ready while one version is available", async () => {
  const one = await at({
    "GET /v1/models": noList,
    "GET /v1/models/m": versions("END", "AVAILABLE", "LOADING"),
    "GET /v1/models/gone": versions("END"),
  });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await one.ready("m", call)).toMatchObject({ ok: true });
  expect(await one.ready("gone", call)).toMatchObject({ ok: false, detail: "status" });
  await expect(one.models(call)).rejects.toMatchObject({ code: "upstream-refused" });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: false, outcome: "unsupported" });
  one.close();
});

test("TensorFlow Serving describes the tensors of its default signature", async () => {
  const tensor = (dtype: string, ...sizes: string[]) => ({
    dtype,
    tensor_shape: { dim: sizes.map((size) => ({ size, name: "" })), unknown_rank: false },
    name: "x:0",
  });
  const described = (inputs: unknown) => ({
    body: {
      model_spec: { name: "m", signature_name: "", version: "2" },
      metadata: {
        signature_def: {
          signature_def: { serving_default: { inputs, outputs: { y: tensor("DT_STRING", "-1") } } },
        },
      },
    },
  });
  const one = await at({
    "GET /v1/models/m": versions("AVAILABLE"),
    "GET /v1/models/m/metadata": described({ x: tensor("DT_FLOAT", "-1", "64") }),
    "GET /v1/models/loose": versions("AVAILABLE"),
    "GET /v1/models/loose/metadata": described({
      x: { dtype: "DT_FLOAT", tensor_shape: { unknown_rank: true } },
    }),
  });
  expect(await one.metadata("m", call)).toEqual({
    name: "m",
    versions: ["1"],
    platform: "tensorflow",
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 64] }],
    outputs: [{ name: "y", datatype: "BYTES", shape: [-1] }],
  });
  expect((await one.metadata("loose", call)).inputs).toEqual([]);
  one.close();
});

test("KServe of old says its truth in Python", async () => {
  const one = await at({
    "GET /v1/models": { body: { models: ["m", "n"] } },
    "GET /v1/models/m": { body: { name: "m", ready: "True" } },
    "GET /v1/models/n": { body: { name: "n", ready: "False" } },
  });
  expect(await one.models(call)).toEqual([
    { name: "m", state: "READY" },
    { name: "n", state: "UNAVAILABLE" },
  ]);
  one.close();
});
