import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { encodeElements } from "./binary-tensor.ts";
import type { ModelServer } from "./model-server.ts";
import { connectOipV2Grpc } from "./oip-v2-grpc.ts";
import { probeGrpc } from "./oip-v2-grpc-probe.ts";
import {
  decodeMessage,
  encodeMessage,
  type ScriptedCall,
  type ScriptedGrpc,
  startScriptedGrpc,
} from "./scripted-grpc-server.ts";

const call = { timeoutMs: 20_000 };
let server: ScriptedGrpc;
let one: ModelServer;
afterEach(() => {
  one?.close();
  server?.close();
});

async function at(script: Record<string, ScriptedCall>, options: { answerBytesMax?: number } = {}) {
  server = await startScriptedGrpc(script);
  // Nobody listens on the HTTP side.
  one = connectOipV2Grpc({ url: "http://127.0.0.1:9", grpc: server.address, ...options });
  return one;
}

const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (fault) => fault.code,
  );
const named = (name: string) => () => encodeMessage("ServerMetadata", { name, version: "1" });
const asking = { inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 2] }] };
const output = { name: "y", datatype: "FP32", shape: [1], contents: { fp32_contents: [1] } };
const good = () => encodeMessage("Answer", { outputs: [output] });
const sent = (name = "ModelInfer") =>
  server.asked.filter((one) => one.call === name).map(({ message }) => decodeMessage("Infer", message));

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
  expect(await codeOf(one.infer("m", asking, call))).toBe(fault);
});

test("an answer that does not come ends with the call's own time, and the next call is answered", async () => {
  let silent = true;
  await at({ ModelInfer: () => (silent ? "silence" : good()), ServerLive: () => "silence" });
  expect(await codeOf(one.infer("m", asking, { timeoutMs: 100 }))).toBe("upstream-timeout");
  expect(await one.live({ timeoutMs: 100 })).toMatchObject({ ok: false, detail: "timeout" });
  silent = false;
  expect((await one.infer("m", asking, call)).outputs).toMatchObject([
    { name: "y", datatype: "FP32", shape: [1] },
  ]);
});

test("a server that comes back is found by the next call", async () => {
  await at({ ServerLive: () => encodeMessage("Live", { live: true }) });
  expect(await one.live(call)).toMatchObject({ ok: true });
  const { address } = server;
  server.close();
  await expect.poll(() => one.live(call)).toMatchObject({ ok: false, detail: "refused" });
  server = await startScriptedGrpc({ ServerLive: () => encodeMessage("Live", { live: true }) }, { address });
  expect(await one.live(call)).toMatchObject({ ok: true, detail: "ok" });
});

test("running calls end when the connection is closed, and later calls open a new one", async () => {
  await at({ ModelInfer: () => "silence", ServerLive: () => encodeMessage("Live", { live: true }) });
  const running = codeOf(one.infer("m", asking, call));
  await expect.poll(() => server.asked.length).toBe(1);
  one.close();
  expect(await running).toBe("upstream-unreachable");
  expect(await one.live(call)).toMatchObject({ ok: true });
});

test("health that says no is a status; without the call gRPC's own health is asked", async () => {
  await at({
    ServerLive: () => encodeMessage("Live", { live: false }),
    ServerReady: () => ({ code: 14, details: "starting" }),
  });
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "status" });
  expect(await one.ready(undefined, call)).toMatchObject({ ok: false, detail: "status" });
  expect(await one.ready("m", call)).toMatchObject({ ok: false, detail: "protocol" });
  one.close();
  server.close();

  const health = "/grpc.health.v1.Health/Check";
  await at({
    [health]: (message) => {
      const { service } = decodeMessage("HealthCheck", message);
      if (service === "none") return { code: 5, details: "unknown service" };
      return encodeMessage("Health", { status: service === "down" ? 2 : 1 });
    },
  });
  expect(await one.live(call)).toMatchObject({ ok: true, detail: "ok" });
  expect(await one.ready(undefined, call)).toMatchObject({ ok: true });
  for (const model of ["none", "down"]) {
    expect(await one.ready(model, call)).toMatchObject({ ok: false, detail: "status" });
  }
});

test("the request over REST becomes typed contents, and what only REST has is left out", async () => {
  await at({ ModelInfer: good });
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
  await one.infer("m", request, call);
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
    ModelInfer: good,
    ModelReady: () => encodeMessage("Ready", { ready: true }),
    ModelMetadata: () => encodeMessage("ModelMetadata", { name: "m" }),
  });
  await one.infer("m@2", { id: "mine", ...asking }, { ...call, salted: false });
  expect(sent()).toMatchObject([{ model_name: "m", model_version: "2", id: "mine" }]);
  await one.ready("m@2", call);
  await one.metadata("m@2", call);
  const named = server.asked.filter(({ call }) => call === "ModelReady" || call === "ModelMetadata");
  expect(named.map(({ message }) => decodeMessage("Named", message))).toEqual(
    Array(2).fill({ name: "m", version: "2" }),
  );
});

test("half precision makes all tensors raw", async () => {
  await at({ ModelInfer: good });
  const half = { name: "h", datatype: "FP16", shape: [2], data: [1, -2] };
  const text = { name: "t", datatype: "BYTES", shape: [1], data: ["ab"] };
  await one.infer("m", { inputs: [half, text] }, call);
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
  await at({ ModelInfer: good });
  expect(await codeOf(one.infer("m", request, call))).toBe("request-invalid");
  expect(server.asked).toEqual([]);
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
  const { outputs } = await one.infer("m", asking, call);
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
  expect(await codeOf(one.infer("m", asking, call))).toBe("upstream-protocol");
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
  expect((await one.infer("m", asking, call)).outputs).toEqual([
    { name: "y", datatype: "FP32", shape: [3, 1], data: [1, 2, 3] },
  ]);
  expect(sent("ModelStreamInfer")).toMatchObject([{ model_name: "m" }]);

  pieces = [piece(1), encodeMessage("StreamAnswer", { error_message: "out of memory" })];
  expect(await codeOf(one.infer("m", asking, call))).toBe("upstream-refused");

  pieces = Array.from({ length: 1000 }, () => piece(1));
  expect(await codeOf(one.infer("m", asking, call))).toBe("upstream-protocol");
});

test.for([
  ["triton with its cache off", named("triton"), { config: {} }, false],
  ["triton with its cache on", named("triton"), { config: { response_cache: { enable: true } } }, "unknown"],
  ["kserve", named("kserve"), undefined, false],
  ["a server that does not say its name", undefined, undefined, "unknown"],
] as const)("may an answer be cached: %s", async ([, metadata, config, cached]) => {
  await at({
    ModelInfer: good,
    ...(metadata ? { ServerMetadata: metadata } : {}),
    ...(config ? { ModelConfig: () => encodeMessage("ModelConfig", config) } : {}),
  });
  expect((await one.infer("m", asking, call)).cached).toBe(cached);
});

test("models, metadata and statistics, as far as a server has them", async () => {
  const spec = { name: "x", datatype: "FP32", shape: [-1, 64] };
  await at({
    RepositoryIndex: () =>
      encodeMessage("Index", { models: [{ name: "a", version: "1", state: "State.READY" }, { name: "b" }] }),
    ModelMetadata: () => encodeMessage("ModelMetadata", { name: "a", platform: "p", inputs: [spec] }),
    ModelStatistics: () => {
      const of = (success: number, fail: number) => ({
        inference_stats: { success: { count: success }, fail: { count: fail } },
      });
      return encodeMessage("Statistics", { model_stats: [of(3, 1), of(2, 0), {}] });
    },
  });
  expect(await one.models(call)).toEqual([
    { name: "a", version: "1", state: "READY" },
    { name: "b", state: "UNAVAILABLE" },
  ]);
  expect(await one.metadata("a", call)).toEqual({
    name: "a",
    versions: [],
    platform: "p",
    inputs: [spec],
    outputs: [],
  });
  expect(await one.progress(call)).toBe(6);
  one.close();
  server.close();

  await at({});
  expect(await codeOf(one.models(call))).toBe("upstream-refused");
  expect(await one.progress(call)).toBe(undefined);
});

test("a reload unloads first where a load alone may do nothing; KServe's numbers are its own", async () => {
  const done = () => encodeMessage("Empty", {});
  let loaded = true;
  await at({
    ServerMetadata: named("triton"),
    RepositoryModelUnload: () => {
      loaded = false;
      return done();
    },
    RepositoryModelLoad: () => {
      loaded = true;
      return done();
    },
    ModelReady: () => encodeMessage("Ready", { ready: loaded }),
  });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: true, outcome: "loaded" });
  const acts = server.asked.filter(({ call }) => call.startsWith("Repository"));
  expect(acts.map(({ call, message }) => [call, decodeMessage("Load", message).model_name])).toEqual([
    ["RepositoryModelUnload", "m"],
    ["RepositoryModelLoad", "m"],
  ]);
  one.close();
  server.close();

  let said: ReturnType<ScriptedCall> = { code: 13, details: "Internal server error" };
  await at({
    ServerMetadata: named("kserve"),
    RepositoryModelLoad: () => said,
    ModelReady: () => encodeMessage("Ready", { ready: true }),
  });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: true });
  const [load] = server.asked.filter(({ call }) => call === "RepositoryModelLoad");
  expect(decodeMessage("KserveLoad", load?.message ?? Buffer.alloc(0))).toEqual({ model_name: "m" });
  said = encodeMessage("KserveLoaded", { model_name: "m", done: true });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: true });
  said = { code: 2, details: "Unexpected <class 'AttributeError'>" };
  expect(await one.reload("m", call)).toMatchObject({ reloaded: false, outcome: "load-failed" });
});

test.for([
  [undefined, "unsupported"],
  [{ code: 14, details: "explicit model load / unload is not allowed if polling is enabled" }, "unsupported"],
  [{ code: 13, details: "failed to load 'm'" }, "load-failed"],
] as const)("a reload that is refused (%j) is %s", async ([refusal, outcome]) => {
  const refused = refusal ? { RepositoryModelUnload: () => refusal, RepositoryModelLoad: () => refusal } : {};
  await at({ ServerMetadata: named("triton"), ...refused });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: false, outcome });
});

test("headers and credentials become metadata, but for those of the transport", async () => {
  server = await startScriptedGrpc({ ServerLive: () => encodeMessage("Live", { live: true }) });
  const headers = {
    "X-Tenant": "a",
    "Content-Type": "application/json",
    "grpc-timeout": "1n",
    host: "other",
  };
  one = connectOipV2Grpc({ url: "http://me:secret@127.0.0.1:9/v2", grpc: server.address, headers });
  expect(await one.live(call)).toMatchObject({ ok: true });
  const metadata = server.asked[0]?.metadata.getMap();
  expect(metadata).toMatchObject({ "x-tenant": "a", authorization: `Basic ${btoa("me:secret")}` });
  expect(metadata?.["content-type"]).not.toBe("application/json");
  expect(one.url).toBe("http://127.0.0.1:9");
});

test("an https URL means TLS there too, with the authority that is given and no other", async ({ skip }) => {
  const [mine, other] = ["127.0.0.1", "127.0.0.2"].map(certificate);
  if (!mine || !other) return skip("openssl is not installed");
  const script = { ServerLive: () => encodeMessage("Live", { live: true }) };
  const secured = (pair: typeof mine) => ({ credentials: ServerCredentials.createSsl(null, [pair]) });
  server = await startScriptedGrpc(script, secured(mine));
  const ca = mine.cert_chain;
  const target = { url: "https://127.0.0.1:9", grpc: server.address };
  one = connectOipV2Grpc({ ...target, ca });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await probeGrpc({ address: server.address, ca, ...call })).toMatchObject({ speaks: true });
  one.close();
  one = connectOipV2Grpc(target);
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "protocol" });
  one.close();
  server.close();

  server = await startScriptedGrpc(script, secured(other));
  one = connectOipV2Grpc({ url: target.url, grpc: server.address, ca: other.cert_chain });
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "protocol" });
});

test("its port is the one above the URL's unless it is named", async () => {
  const scripted = { ServerLive: () => encodeMessage("Live", { live: true }) };
  server = await startScriptedGrpc(scripted);
  const port = Number(server.address.split(":")[1]);
  one = connectOipV2Grpc({ url: `http://127.0.0.1:${port - 1}` });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(() => connectOipV2Grpc({ url: "http://127.0.0.1:65535" })).toThrow(/no port above/);
});

test("a probe says who speaks there, ready or not, and who does not", async () => {
  server = await startScriptedGrpc({
    ServerMetadata: named("triton"),
    ServerLive: () => encodeMessage("Live", { live: false }),
  });
  expect(await probeGrpc({ address: server.address, ...call })).toMatchObject({
    speaks: true,
    server: { name: "triton", version: "1", extensions: [] },
    evidence: `gRPC ${server.address} ServerLive: live false, ServerMetadata: triton 1`,
  });
  const { address } = server;
  server.close();
  expect(await probeGrpc({ address, ...call })).toMatchObject({ speaks: false });
  server = await startScriptedGrpc({});
  expect(await probeGrpc({ address: server.address, ...call })).toMatchObject({
    speaks: false,
    evidence: expect.stringContaining("status 12"),
  });
});

/** Key and self-signed certificate of one address. */
function certificate(address: string): { private_key: Buffer; cert_chain: Buffer } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "locum-grpc-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = [
    "-subj",
    `/CN=${address}`,
    "-addext",
    `subjectAltName=IP:${address}`,
    "-days",
    "1",
    "-nodes",
  ];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  try {
    const written = ["-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", ...curve, ...subject, ...written], { stdio: "ignore" });
    return { private_key: readFileSync(key), cert_chain: readFileSync(cert) };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
