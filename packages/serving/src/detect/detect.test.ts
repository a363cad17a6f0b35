import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { Fault } from "@locum/contracts";
import { afterEach, expect, test } from "vitest";
import { type Scripted, type ScriptedServer, startScriptedServer } from "../testing/scripted-server.ts";
import { detect } from "./detect.ts";

let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function detectAt(script: Record<string, Scripted>) {
  server = await startScriptedServer(script);
  return detect(server.url);
}

test("a server that is not ready is what it is all the same", async () => {
  const found = await detectAt({
    "GET /v2": { body: { name: "triton", version: "2.51.0", extensions: ["binary_tensor_data"] } },
    "GET /v2/health/live": { status: 200 },
    "GET /v2/health/ready": { status: 400 },
    "POST /v2/repository/index": {
      body: [{ name: "a", version: "1", state: "UNAVAILABLE", reason: "bad" }, { name: "b" }],
    },
  });
  expect(found).toMatchObject({
    server: { name: "triton", version: "2.51.0" },
    models: [
      { name: "a", version: "1", state: "UNAVAILABLE" },
      { name: "b", state: "UNAVAILABLE" },
    ],
    modelsKnown: true,
  });
});

test.for([404, 405, 422, 500, 501])(
  "an index that answers %i leaves the models unknown, and says so",
  async (status) => {
    const found = await detectAt({
      "GET /v2": { body: { name: "OpenVINO Model Server", version: "2024.4", extensions: [] } },
      "POST /v2/repository/index": { status, body: "no" },
    });
    expect(found).toMatchObject({ models: [], modelsKnown: false });
    expect(found.evidence).toContainEqual(expect.stringContaining(`POST /v2/repository/index: ${status}`));
  },
);

test("without an index, names come from the list and states from the models", async () => {
  const found = await detectAt({
    "GET /v2": { body: { name: "kserve", version: "0.21.0", extensions: [] } },
    "GET /v2/models": { body: { models: ["a", "b", 7] } },
    "GET /v2/models/a/ready": { body: { name: "a", ready: true } },
    "GET /v2/models/b/ready": { body: { name: "b", ready: false } },
  });
  expect(found.models).toEqual([
    { name: "a", state: "READY" },
    { name: "b", state: "UNAVAILABLE" },
  ]);
});

test("a server that does not say its name is known by its health route", async () => {
  const found = await detectAt({ "GET /v2/health/live": { status: 200 } });
  expect(found).toMatchObject({ protocol: "oip-v2-rest", modelsKnown: false });
  expect(found.server).toBe(undefined);
});

test.for([
  ["a web server", { "GET /v2/health/live": { body: "<html>" }, "GET /v2": { body: "<html>" } }],
  ["one that says yes to everything", { "GET /v2/health/live": {}, "GET /v2/health/no-such-check": {} }],
  ["one that knows none of it", {}],
  ["a container registry", { "GET /v2": { status: 401, body: { errors: [] } } }],
] as [string, Record<string, Scripted>][])("%s is no model server", async ([, script]) => {
  const fault = await detectAt(script).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(Fault);
  expect(fault).toMatchObject({ code: "upstream-protocol" });
  expect((fault as Fault).message).toContain("GET /v2/health/live: ");
});

const kserveV1 = {
  "GET /v1/models": { body: { models: ["m"] } },
  "GET /v1/models/m": { body: { name: "m", ready: false } },
};
const torchserve = {
  "GET /ping": { body: { status: "Healthy" } },
  "GET /api-description": { body: { info: { title: "TorchServe APIs", version: "0.12.0" } } },
};
const openai = {
  "GET /v1/models": { body: { object: "list", data: [{ id: "tiny", object: "model", owned_by: "vllm" }] } },
};

test.for([
  ["KServe v1 alone", kserveV1, { protocol: "kserve-v1", models: [{ name: "m", state: "UNAVAILABLE" }] }],
  [
    "TensorFlow Serving",
    { "GET /v1/models": { status: 400, body: { error: "Missing model name in request." } } },
    { protocol: "kserve-v1", server: { name: "tensorflow-serving" }, modelsKnown: false },
  ],
  [
    "TorchServe with its management closed",
    torchserve,
    { protocol: "torchserve", server: { name: "torchserve", version: "0.12.0" }, modelsKnown: false },
  ],
  [
    "an OpenAI-compatible server",
    openai,
    { protocol: "openai", server: { name: "vllm" }, models: [{ name: "tiny", state: "READY" }] },
  ],
  [
    "several at once: the richest",
    { "GET /v2": { body: { name: "kserve", version: "1", extensions: [] } }, ...kserveV1, ...torchserve },
    { protocol: "oip-v2-rest", also: ["torchserve", "kserve-v1"], server: { name: "kserve" } },
  ],
] as [string, Record<string, Scripted>, object][])("%s", async ([, script, expected]) => {
  expect(await detectAt(script)).toMatchObject(expected);
});

test("a ping alone, a list of names alone and a wish for a key are no protocol", async () => {
  const parts = [
    { "GET /ping": torchserve["GET /ping"] },
    { "GET /api-description": torchserve["GET /api-description"] },
    { "GET /v1/models": kserveV1["GET /v1/models"] },
    { "GET /v1/models": { body: { data: [{ name: "no id" }] } } },
  ];
  for (const script of parts) {
    await expect(detectAt(script)).rejects.toMatchObject({ code: "upstream-protocol" });
    await server?.close();
  }
  await expect(detectAt({ "GET /v1/models": { status: 401 } })).rejects.toMatchObject({
    hint: expect.stringContaining("headers"),
  });
});

test("a program that says everything to everybody is nobody", async () => {
  const everything = JSON.stringify({
    ...{ name: "m", version: "1", extensions: [], ready: true, status: "Healthy" },
    ...{ models: ["m"], object: "list", data: [{ id: "m" }], info: { title: "any" } },
  });
  const program = createHttpServer((_request, response) => response.end(everything)).listen(0, "127.0.0.1");
  await new Promise((resolve) => program.once("listening", resolve));
  const url = `http://127.0.0.1:${(program.address() as AddressInfo).port}`;
  await expect(detect(url)).rejects.toMatchObject({ code: "upstream-protocol" });
  program.closeAllConnections();
  await new Promise((resolve) => program.close(resolve));
});

test("nobody there, and somebody who never answers", async () => {
  const silent = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  await expect(detect(url, { timeoutMs: 50 })).rejects.toMatchObject({
    code: "upstream-unreachable",
    message: expect.stringContaining("timeout"),
  });
  await new Promise((resolve) => silent.close(resolve));
  await expect(detect(url)).rejects.toMatchObject({
    code: "upstream-unreachable",
    message: expect.stringContaining("refused"),
  });
});
