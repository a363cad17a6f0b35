import { afterEach, expect, test } from "vitest";
import type { ModelServer } from "../model-server.ts";
import {
  decodeMessage,
  encodeMessage,
  type ScriptedCall,
  type ScriptedGrpc,
  startScriptedGrpc,
} from "../testing/scripted-grpc-server.ts";
import { connectOipV2Grpc } from "./adapter.ts";

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
