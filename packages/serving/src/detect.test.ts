import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { Fault } from "@locum/contracts";
import { afterEach, expect, test } from "vitest";
import { detect } from "./detect.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "./scripted-server.ts";

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
