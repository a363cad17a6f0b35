import { afterEach, expect, test } from "vitest";
import { codeOf } from "../testing/code-of.ts";
import { grpcRig, serverNamed } from "../testing/grpc-rig.ts";
import { decodeMessage, encodeMessage, type ScriptedCall } from "../testing/scripted-grpc-server.ts";

const call = { timeoutMs: 20_000 };
const rig = grpcRig();
const { at } = rig;
afterEach(rig.close);

test("health that says no is a status; without the call gRPC's own health is asked", async () => {
  await at({
    ServerLive: () => encodeMessage("Live", { live: false }),
    ServerReady: () => ({ code: 14, details: "starting" }),
  });
  expect(await rig.one.live(call)).toMatchObject({ ok: false, detail: "status" });
  expect(await rig.one.ready(undefined, call)).toMatchObject({ ok: false, detail: "status" });
  expect(await rig.one.ready("m", call)).toMatchObject({ ok: false, detail: "protocol" });
  rig.one.close();
  rig.server.close();

  const health = "/grpc.health.v1.Health/Check";
  await at({
    [health]: (message) => {
      const { service } = decodeMessage("HealthCheck", message);
      if (service === "none") return { code: 5, details: "unknown service" };
      return encodeMessage("Health", { status: service === "down" ? 2 : 1 });
    },
  });
  expect(await rig.one.live(call)).toMatchObject({ ok: true, detail: "ok" });
  expect(await rig.one.ready(undefined, call)).toMatchObject({ ok: true });
  for (const model of ["none", "down"]) {
    expect(await rig.one.ready(model, call)).toMatchObject({ ok: false, detail: "status" });
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
  expect(await rig.one.models(call)).toEqual([
    { name: "a", version: "1", state: "READY" },
    { name: "b", state: "UNAVAILABLE" },
  ]);
  expect(await rig.one.metadata("a", call)).toEqual({
    name: "a",
    versions: [],
    platform: "p",
    inputs: [spec],
    outputs: [],
  });
  expect(await rig.one.progress(call)).toBe(6);
  rig.one.close();
  rig.server.close();

  await at({});
  expect(await codeOf(rig.one.models(call))).toBe("upstream-refused");
  expect(await rig.one.progress(call)).toBe(undefined);
});

test("a reload unloads first where a load alone may do nothing; KServe's numbers are its own", async () => {
  const done = () => encodeMessage("Empty", {});
  let loaded = true;
  await at({
    ServerMetadata: serverNamed("triton"),
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
  expect(await rig.one.reload("m", call)).toMatchObject({ reloaded: true, outcome: "loaded" });
  const acts = rig.server.asked.filter(({ call }) => call.startsWith("Repository"));
  expect(acts.map(({ call, message }) => [call, decodeMessage("Load", message).model_name])).toEqual([
    ["RepositoryModelUnload", "m"],
    ["RepositoryModelLoad", "m"],
  ]);
  rig.one.close();
  rig.server.close();

  let said: ReturnType<ScriptedCall> = { code: 13, details: "Internal server error" };
  await at({
    ServerMetadata: serverNamed("kserve"),
    RepositoryModelLoad: () => said,
    ModelReady: () => encodeMessage("Ready", { ready: true }),
  });
  expect(await rig.one.reload("m", call)).toMatchObject({ reloaded: true });
  const [load] = rig.server.asked.filter(({ call }) => call === "RepositoryModelLoad");
  expect(decodeMessage("KserveLoad", load?.message ?? Buffer.alloc(0))).toEqual({ model_name: "m" });
  said = encodeMessage("KserveLoaded", { model_name: "m", done: true });
  expect(await rig.one.reload("m", call)).toMatchObject({ reloaded: true });
  said = { code: 2, details: "Unexpected <class 'AttributeError'>" };
  expect(await rig.one.reload("m", call)).toMatchObject({ reloaded: false, outcome: "load-failed" });
});

test.for([
  [undefined, "unsupported"],
  [{ code: 14, details: "explicit model load / unload is not allowed if polling is enabled" }, "unsupported"],
  [{ code: 13, details: "failed to load 'm'" }, "load-failed"],
] as const)("a reload that is refused (%j) is %s", async ([refusal, outcome]) => {
  const refused = refusal ? { RepositoryModelUnload: () => refusal, RepositoryModelLoad: () => refusal } : {};
  await at({ ServerMetadata: serverNamed("triton"), ...refused });
  expect(await rig.one.reload("m", call)).toMatchObject({ reloaded: false, outcome });
});
