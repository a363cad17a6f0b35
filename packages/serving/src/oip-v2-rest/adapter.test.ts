import { afterEach, expect, test } from "vitest";
import { connect } from "../connect.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "../testing/scripted-server.ts";

const call = { timeoutMs: 20_000 };
const good = { outputs: [{ name: "y", datatype: "FP32", shape: [1], data: [1] }] };
let server: ScriptedServer;
afterEach(() => server.close());

async function at(script: Record<string, Scripted>, nonce?: () => string) {
  server = await startScriptedServer(script);
  return connect({ protocol: "oip-v2-rest", url: server.url, ...(nonce ? { nonce } : {}) });
}

const asking = { inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1] }] };
const config = "GET /v2/models/m/config";
const named = (name: string, extensions: string[] = []) => ({ body: { name, version: "1", extensions } });

test.for([
  ["Triton with its cache off", { "GET /v2": named("triton"), [config]: { body: { name: "m" } } }, false],
  [
    "Triton with its cache on",
    { "GET /v2": named("triton"), [config]: { body: { response_cache: { enable: true } } } },
    "unknown",
  ],
  ["KServe", { "GET /v2": named("kserve") }, false],
  ["MLServer", { "GET /v2": named("mlserver") }, false],
  ["an unknown server without a configuration", { "GET /v2": named("other") }, "unknown"],
  ["a server that does not say its name", {}, "unknown"],
] as [string, Record<string, Scripted>, boolean | "unknown"][])(
  "may an answer be cached: %s",
  async ([, script, cached]) => {
    const one = await at({ ...script, "POST /v2/models/m/infer": { body: good } });
    expect(await one.infer("m", asking, call)).toMatchObject({ cached, outputs: good.outputs });
    one.close();
  },
);

test("a cache in front of the server says so itself", async () => {
  const headers = { age: "12", "x-cache": "HIT from edge" };
  const one = await at({ "GET /v2": named("kserve"), "POST /v2/models/m/infer": { headers, body: good } });
  expect((await one.infer("m", asking, call)).cached).toBe(true);
  one.close();
});

test("each request has an id of its own, so that a cache by request never answers, unless it shall", async () => {
  let turn = 0;
  const one = await at({ "POST /v2/models/m/infer": { body: good } }, () => `n${turn++}`);
  await one.infer("m", { id: "mine", ...asking }, call);
  await one.infer("m", asking, call);
  await one.infer("m", { id: "mine", ...asking }, { ...call, salted: false });
  await one.infer("m", asking, { ...call, salted: false });
  const ids = server.asked
    .filter(({ line }) => line.endsWith("/infer"))
    .map(({ body }) => JSON.parse(body.toString()).id);
  expect(ids).toEqual(["n0", "n1", "mine", undefined]);
  one.close();
});

test("half precision goes as raw bytes where the server takes them, as JSON where not", async () => {
  const half = { inputs: [{ name: "h", datatype: "FP16", shape: [2], data: [1, -2] }, ...asking.inputs] };
  const infer = { "POST /v2/models/m/infer": { body: good } };
  const one = await at({ "GET /v2": named("triton", ["binary_tensor_data"]), ...infer });
  await one.infer("m", half, call);
  const sent = server.asked.find(({ line }) => line.endsWith("/infer"));
  const length = Number(sent?.headers["inference-header-content-length"]);
  expect(JSON.parse(sent?.body.subarray(0, length).toString() ?? "").inputs).toEqual([
    { name: "h", datatype: "FP16", shape: [2], parameters: { binary_data_size: 4 } },
    asking.inputs[0],
  ]);
  expect(sent?.body.subarray(length)).toEqual(Buffer.from([0x00, 0x3c, 0x00, 0xc0]));
  one.close();
  await server.close();

  const other = await at({ "GET /v2": named("mlserver"), ...infer });
  await other.infer("m", half, call);
  const plain = server.asked.find(({ line }) => line.endsWith("/infer"));
  expect(JSON.parse(plain?.body.toString() ?? "").inputs).toEqual(half.inputs);
  other.close();
});

test("metadata in the dialects of servers; what cannot be read is not described", async () => {
  const spec = (datatype: string, shape: unknown = [-1, 2]) => ({ name: "t", datatype, shape });
  const one = await at({
    "GET /v2/models/m": {
      body: {
        name: "m",
        versions: null,
        inputs: [spec("float32"), spec("TYPE_STRING", ["-1"])],
        outputs: [spec("FP8"), spec("FP32")],
      },
    },
  });
  expect(await one.metadata("m", call)).toEqual({
    name: "m",
    versions: [],
    platform: "",
    inputs: [
      { name: "t", datatype: "FP32", shape: [-1, 2] },
      { name: "t", datatype: "BYTES", shape: [-1] },
    ],
    outputs: [],
  });
  one.close();
});

test.for([
  [
    "Triton's metrics",
    'nv_inference_request_success{model="a",version="1"} 3\nnv_inference_request_failure{model="a",version="1"} 2\nnv_inference_count{model="a"} 9\n',
    5,
  ],
  [
    "MLServer's",
    'model_infer_request_success_total{model="a"} 3.0\nmodel_infer_request_failure_total{model="a"} 1.0\n',
    4,
  ],
  [
    "MLServer's REST",
    'rest_server_requests_total{path="/v2/models/{model_name}/infer",status_code="200"} 4.0\nrest_server_requests_total{path="/v2/health/live"} 7.0\n',
    4,
  ],
  [
    "KServe's",
    'request_predict_seconds_bucket{le="1"} 9\nrequest_predict_seconds_count{model_name="a"} 2.0\nrequest_predict_seconds_count{model_name="b"} 1.0\n',
    3,
  ],
  ["another program's", "process_cpu_seconds_total 3\n", undefined],
] as const)("progress from %s", async ([, body, count]) => {
  const one = await at({ "GET /metrics": { body } });
  expect(await one.progress(call)).toBe(count);
  one.close();
});

test("progress from Triton's statistics where the metrics are on another port", async () => {
  const stats = (success: number, fail: number) => ({
    inference_stats: { success: { count: success }, fail: { count: fail } },
  });
  const one = await at({ "GET /v2/models/stats": { body: { model_stats: [stats(3, 1), stats(2, 0)] } } });
  expect(await one.progress(call)).toBe(6);
  one.close();
});

test("a reload unloads first where a load alone may do nothing", async () => {
  const acts = { "POST /v2/repository/models/m/unload": {}, "POST /v2/repository/models/m/load": {} };
  const one = await at({ ...acts, "GET /v2": named("mlserver"), "GET /v2/models/m/ready": {} });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: true });
  expect(server.asked.map(({ line }) => line)).not.toContain("POST /v2/repository/models/m/unload");
  one.close();
  await server.close();

  const other = await at({ ...acts, "GET /v2": named("triton") });
  expect(await other.reload("m", call)).toMatchObject({ reloaded: false, outcome: "load-failed" });
  expect(server.asked.map(({ line }) => line)).toContain("POST /v2/repository/models/m/unload");
  other.close();
});

test.for([
  ["no repository", {}],
  [
    "Triton with fixed models",
    {
      "POST /v2/repository/models/m/unload": {
        status: 503,
        body: { error: "explicit model load / unload is not allowed if polling is enabled" },
      },
    },
  ],
] as [string, Record<string, Scripted>][])("a reload where there is none: %s", async ([, script]) => {
  const one = await at({ "GET /v2": named("triton"), ...script });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: false, outcome: "unsupported" });
  one.close();
});
