import { afterEach, expect, test } from "vitest";
import { connect } from "../connect.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "../testing/scripted-server.ts";

const call = { timeoutMs: 20_000 };
let server: ScriptedServer;
afterEach(() => server.close());

async function at(script: Record<string, Scripted>) {
  server = await startScriptedServer(script);
  return connect({ protocol: "torchserve", url: server.url, management: server.url });
}

const healthy = { "GET /ping": { body: { status: "Healthy" } } };
const model = (...workers: string[]) => ({
  modelName: "m",
  modelVersion: "1.0",
  modelUrl: "m.mar",
  runtime: "python",
  minWorkers: 2,
  maxWorkers: 4,
  batchSize: 3,
  maxBatchDelay: 70,
  responseTimeout: 50,
  startupTimeout: 60,
  workers: workers.map((status, id) => ({ id: String(id), status })),
});
const described = (...workers: string[]) => ({
  "GET /models/m": { body: [model(...workers)] },
  "GET /models/m/all": { body: [model(...workers)] },
  "GET /models?limit=1000": { body: { models: [{ modelName: "m", modelUrl: "m.mar" }] } },
});

test.for([
  [["READY"], true],
  [["UNLOADING", "READY"], true],
  [["UNLOADING"], false],
  [[], false],
] as const)("with workers %j it is ready: %s, whatever its ping says", async ([workers, ok]) => {
  const one = await at({ ...healthy, ...described(...workers) });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await one.ready("m", call)).toMatchObject({ ok });
  expect(await one.ready(undefined, call)).toMatchObject({ ok });
  one.close();
});

test("without its management, its ping is all there is", async () => {
  const one = await at(healthy);
  expect(await one.ready("m", call)).toMatchObject({ ok: false, status: 404 });
  one.close();
  const alone = connect({ protocol: "torchserve", url: server.url, management: "http://127.0.0.1:1" });
  expect(await alone.ready("m", call)).toMatchObject({ ok: true });
  await expect(alone.models(call)).rejects.toMatchObject({ code: "upstream-unreachable" });
  alone.close();
});

test("an unhealthy ping is alive and not ready; another program's ping is neither", async () => {
  const one = await at({ "GET /ping": { status: 500, body: { status: "Unhealthy" } } });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await one.ready(undefined, call)).toMatchObject({ ok: false, detail: "status" });
  one.close();
  await server.close();
  const other = await at({ "GET /ping": { body: "pong" } });
  expect(await other.live(call)).toMatchObject({ ok: false, detail: "protocol" });
  other.close();
});

test.for([
  ["an object", {}, '{"a":[1],"b":{"c":true}}', ["a", "b.c"]],
  ["a list", {}, "[0.1, 0.9]", ["answer"]],
  ["a number", {}, "7", ["answer"]],
  ["a text without quotes", {}, "tabby cat", ["answer"]],
  ["a picture", { "content-type": "image/png" }, Buffer.from([0x89, 0x50, 0xff]), ["answer"]],
] as [string, Record<string, string>, string | Buffer, string[]][])(
  "whatever a handler returns is an answer: %s",
  async ([, headers, body, names]) => {
    const one = await at({ "POST /predictions/m": { headers, body } });
    expect((await one.infer("m", [1], call)).outputs.map(({ name }) => name)).toEqual(names);
    one.close();
  },
);

const trial = "m-locum-trial";
const register = (name: string, workers: number) =>
  `POST /models?url=m.mar&model_name=${name}&initial_workers=${workers}&synchronous=true&runtime=python&batch_size=3&max_batch_delay=70&response_timeout=50&startup_timeout=60`;
const unregister = (name: string) => `DELETE /models/${name}?synchronous=true`;
const acts = () => server.asked.map(({ line }) => line).filter((line) => !line.startsWith("GET"));

test("a reload proves the archive under another name before the old model goes, and keeps its registration", async () => {
  const one = await at({
    ...described("READY"),
    [register(trial, 1)]: {},
    [unregister(trial)]: {},
    [unregister("m")]: {},
    [register("m", 2)]: {},
    "PUT /models/m?max_worker=4": { status: 202 },
  });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: true, outcome: "loaded" });
  expect(acts()).toEqual([
    unregister(trial),
    register(trial, 1),
    unregister(trial),
    unregister("m"),
    register("m", 2),
    "PUT /models/m?max_worker=4",
  ]);
  expect(server.asked.filter(({ headers }) => headers["content-type"] !== undefined)).toEqual([]);
  one.close();
});

test("an archive whose trial fails costs nothing", async () => {
  const failing = { status: 500, body: { message: "Failed to start workers" } };
  const one = await at({ ...described("READY"), [register(trial, 1)]: failing });
  expect(await one.reload("m", call)).toMatchObject({
    outcome: "load-failed",
    detail: expect.stringMatching(/Failed to start workers.*left as it was/),
  });
  expect(acts()).not.toContain(unregister("m"));
  one.close();
});

test("a model that is gone after all is said to be gone", async () => {
  const one = await at({
    ...described("READY"),
    [register(trial, 1)]: {},
    [unregister("m")]: {},
    [register("m", 2)]: { status: 500, body: { message: "Failed to start workers" } },
  });
  expect(await one.reload("m", call)).toMatchObject({
    outcome: "load-failed",
    detail: expect.stringContaining("no model is there now"),
  });
  one.close();
});

test("several versions are left alone: the default one cannot be replaced", async () => {
  const one = await at({ "GET /models/m/all": { body: [model("READY"), model("READY")] } });
  expect(await one.reload("m", call)).toMatchObject({ reloaded: false, outcome: "unsupported" });
  expect(acts()).toEqual([]);
  one.close();
});

test("pages of models that lead nowhere end", async () => {
  const next = { models: [], nextPageToken: "1" };
  const one = await at({
    "GET /models?limit=1000": { body: { models: [{ modelName: "m" }], nextPageToken: "1" } },
    "GET /models?limit=1000&next_page_token=1": { body: next },
  });
  expect(await one.models(call)).toEqual([{ name: "m", state: "UNKNOWN" }]);
  one.close();
});
