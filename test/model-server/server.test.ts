import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startModelServer } from "./server.ts";

const digits = new URL("../fixtures/digits/", import.meta.url);
let repository: string;
let server: Awaited<ReturnType<typeof startModelServer>>;
let golden: { inputs: [{ name: string; datatype: string; shape: number[]; data: number[] }] };

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), "locum-model-server-"));
  await mkdir(join(repository, "digits"));
  await cp(new URL("model.onnx", digits), join(repository, "digits", "model.onnx"));
  await mkdir(join(repository, "versioned", "1"), { recursive: true });
  await mkdir(join(repository, "versioned", "12"), { recursive: true });
  await cp(new URL("older/model.onnx", digits), join(repository, "versioned", "1", "model.onnx"));
  await cp(new URL("newer/model.onnx", digits), join(repository, "versioned", "12", "model.onnx"));
  golden = JSON.parse(await readFile(new URL("golden-requests.json", digits), "utf8"))[0];
  server = await startModelServer({ repository, random: () => 0.4, bodyBytesMax: 100_000 });
});
afterEach(() => server.faults.order({ kind: "none" }));
afterAll(async () => {
  await server?.close();
  await rm(repository, { recursive: true, force: true });
});

test("a folder without a version, and several versions of which the highest answers unasked", async () => {
  const index = await (await post("/v2/repository/index", {})).json();
  expect(index).toEqual([
    { name: "digits", version: "1", state: "READY" },
    { name: "versioned", version: "12", state: "READY" },
    { name: "versioned", version: "1", state: "READY" },
  ]);
  const metadata = await (await fetch(`${server.url}/v2/models/versioned`)).json();
  expect(metadata).toMatchObject({ versions: ["12", "1"] });
  expect((await fetch(`${server.url}/v2/models/versioned/versions/12/ready`)).status).toBe(200);
  expect((await fetch(`${server.url}/v2/models/versioned/versions/1/ready`)).status).toBe(200);
  expect((await fetch(`${server.url}/v2/models/versioned/versions/7/ready`)).status).toBe(400);
});

test("an answer is the model's own, with both outputs", async () => {
  const outputs = await outputsOf(await infer(golden));
  expect(outputs.map(({ name, shape }) => [name, shape])).toEqual([
    ["probabilities", [1, 10]],
    ["digit", [1]],
  ]);
  const [probabilities = [], [digit = -1] = []] = outputs.map(({ data }) => data);
  expect(sum(probabilities)).toBeCloseTo(1, 5);
  expect(probabilities[digit]).toBe(Math.max(...probabilities));
});

test("the same answer in binary, asked with a binary input", async () => {
  const [{ data, ...head }] = golden.inputs;
  const raw = Buffer.from(Float32Array.from(data).buffer);
  const json = Buffer.from(
    JSON.stringify({
      inputs: [{ ...head, parameters: { binary_data_size: raw.length } }],
      outputs: [{ name: "probabilities", parameters: { binary_data: true } }, { name: "digit" }],
    }),
  );
  const answer = await fetch(`${server.url}/v2/models/digits/infer`, {
    method: "POST",
    headers: { "inference-header-content-length": String(json.length) },
    body: Buffer.concat([json, raw]),
  });
  const body = Buffer.from(await answer.arrayBuffer());
  const length = Number(answer.headers.get("inference-header-content-length"));
  const [probabilities, digit] = JSON.parse(body.subarray(0, length).toString()).outputs;
  expect(probabilities.parameters).toEqual({ binary_data_size: 40 });
  const binary = new Float32Array(Uint8Array.from(body.subarray(length)).buffer);
  const plain = await outputsOf(await infer(golden));
  expect([...binary]).toEqual(plain[0]?.data);
  expect(digit.data).toEqual(plain[1]?.data);
});

test("compressed both ways", async () => {
  const answer = await fetch(`${server.url}/v2/models/digits/infer`, {
    method: "POST",
    headers: { "content-encoding": "gzip", "accept-encoding": "gzip" },
    body: gzipSync(JSON.stringify(golden)),
  });
  expect(answer.headers.get("content-encoding")).toBe("gzip");
  expect(await outputsOf(answer)).toHaveLength(2);
});

test("a load reads the files again; one that fails keeps the model from before", async () => {
  const file = join(repository, "digits", "model.onnx");
  const before = await outputsOf(await infer(golden));
  await cp(new URL("older/model.onnx", digits), file);
  expect(await outputsOf(await infer(golden))).toEqual(before);
  expect((await post("/v2/repository/models/digits/load", {})).status).toBe(200);
  const older = await outputsOf(await infer(golden));
  expect(older).not.toEqual(before);
  await writeFile(file, "no model at all");
  const failed = await post("/v2/repository/models/digits/load", {});
  expect(failed.status).toBe(400);
  expect(await errorOf(failed)).toMatch(/^load failed for model 'digits': /);
  expect(await outputsOf(await infer(golden))).toEqual(older);
  await cp(new URL("model.onnx", digits), file);
  await post("/v2/repository/models/digits/load", {});
  expect(await outputsOf(await infer(golden))).toEqual(before);
});

test("an unloaded model is gone until it is loaded", async () => {
  expect((await post("/v2/repository/models/versioned/unload", {})).status).toBe(200);
  expect((await fetch(`${server.url}/v2/models/versioned/ready`)).status).toBe(400);
  expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(200);
  expect((await post("/v2/repository/models/versioned/load", {})).status).toBe(200);
  expect((await fetch(`${server.url}/v2/models/versioned/ready`)).status).toBe(200);
});

const [input] = [{ name: "image", datatype: "FP32", shape: [1, 64], data: Array(64).fill(0) }];
test.for([
  { name: "unknown model", path: "/v2/models/nope/infer", body: { inputs: [input] }, status: 404 },
  { name: "not JSON", path: "/v2/models/digits/infer", body: "{", status: 400 },
  { name: "no inputs", path: "/v2/models/digits/infer", body: {}, status: 400 },
  {
    name: "wrong name",
    path: "/v2/models/digits/infer",
    body: { inputs: [{ ...input, name: "x" }] },
    status: 400,
  },
  {
    name: "wrong type",
    path: "/v2/models/digits/infer",
    body: { inputs: [{ ...input, datatype: "FP64" }] },
    status: 400,
  },
  {
    name: "wrong shape",
    path: "/v2/models/digits/infer",
    body: { inputs: [{ ...input, shape: [64] }] },
    status: 400,
  },
  {
    name: "too few values",
    path: "/v2/models/digits/infer",
    body: { inputs: [{ ...input, data: [1] }] },
    status: 400,
  },
  {
    name: "a text value",
    path: "/v2/models/digits/infer",
    body: { inputs: [{ ...input, data: Array(64).fill("1") }] },
    status: 400,
  },
  {
    name: "unknown output",
    path: "/v2/models/digits/infer",
    body: { inputs: [input], outputs: [{ name: "x" }] },
    status: 400,
  },
  { name: "too large", path: "/v2/models/digits/infer", body: "x".repeat(100_001), status: 413 },
  { name: "path outside", path: "/v2/repository/models/..%2Fetc/load", body: {}, status: 400 },
  { name: "unknown path", path: "/v2/nothing", body: {}, status: 404 },
  { name: "unknown fault", path: "/faults", body: { kind: "explode" }, status: 400 },
])("$name is refused with $status", async ({ path, body, status }) => {
  const answer = await post(path, body);
  expect(answer.status).toBe(status);
  expect(await errorOf(answer)).not.toBe("");
});

test("a small body that unfolds past the limit is refused", async () => {
  const answer = await fetch(`${server.url}/v2/models/digits/infer`, {
    method: "POST",
    headers: { "content-encoding": "gzip" },
    body: gzipSync(Buffer.alloc(1_000_000)),
  });
  expect(answer.status).toBe(413);
});

test("nan: the word NaN in JSON, the value in binary, for as many requests as ordered", async () => {
  await post("/faults", { kind: "nan", count: 2 });
  expect(await (await infer(golden)).text()).toContain('"data":[NaN,NaN,');
  const answer = await infer({ ...golden, parameters: { binary_data_output: true } });
  const body = Buffer.from(await answer.arrayBuffer());
  expect(body.readFloatLE(Number(answer.headers.get("inference-header-content-length")))).toBeNaN();
  expect(await (await infer(golden)).text()).not.toContain("NaN");
  const state = await (await fetch(`${server.url}/faults`)).json();
  expect(state).toMatchObject({ order: { kind: "none" }, handled: { nan: 2 } });
});

test("garbage is finite, sums to one, and is another answer", async () => {
  const good = await outputsOf(await infer(golden));
  await post("/faults", { kind: "garbage" });
  const bad = await outputsOf(await infer(golden));
  expect(bad[0]?.data).not.toEqual(good[0]?.data);
  expect(sum(bad[0]?.data ?? [])).toBeCloseTo(1, 5);
  expect(bad[1]?.data).not.toEqual(good[1]?.data);
});

test("constant repeats the first answer, whatever is asked", async () => {
  await post("/faults", { kind: "constant" });
  const first = await outputsOf(await infer(golden));
  const blank = { inputs: [{ ...golden.inputs[0], data: Array(64).fill(0) }] };
  expect(await outputsOf(await infer(blank))).toEqual(first);
});

test("hang answers health and no inference, and leaves no trace when it is over", async () => {
  await post("/faults", { kind: "hang", count: 1 });
  const gone = new AbortController();
  const hung = infer(golden, gone.signal);
  await expect.poll(() => server.faults.state().handled.hang).toBe(1);
  expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(200);
  expect((await infer(golden)).status).toBe(200);
  gone.abort();
  await expect(hung).rejects.toThrow();
});

test("error-rate follows the random numbers, drop-mid-body breaks the answer, untilReload ends with a load", async () => {
  await post("/faults", { kind: "error-rate", ratio: 0.5 });
  expect((await infer(golden)).status).toBe(500);
  await post("/faults", { kind: "error-rate", ratio: 0.3 });
  expect((await infer(golden)).status).toBe(200);
  await post("/faults", { kind: "drop-mid-body", untilReload: true });
  await expect(infer(golden).then((answer) => answer.text())).rejects.toThrow();
  await post("/v2/repository/models/digits/load", {});
  expect((await infer(golden)).status).toBe(200);
});

test("slow requests wait side by side up to the concurrency, and in line past it", async () => {
  const narrow = await startModelServer({ repository, maxConcurrency: 1 });
  try {
    narrow.faults.order({ kind: "slow", ms: 1 });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        fetch(`${narrow.url}/v2/models/digits/infer`, { method: "POST", body: JSON.stringify(golden) }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  } finally {
    await narrow.close();
  }
});

test("metrics count answers and failures of each model", async () => {
  const count = async () =>
    Number(
      /nv_inference_request_success\{model="digits",version="1"\} (\d+)/.exec(
        await (await fetch(`${server.url}/metrics`)).text(),
      )?.[1],
    );
  const before = await count();
  await infer(golden);
  expect(await count()).toBe(before + 1);
});

test("a model that does not load leaves the server up and not ready", async () => {
  const other = await mkdtemp(join(tmpdir(), "locum-model-server-"));
  await mkdir(join(other, "broken"));
  await writeFile(join(other, "broken", "model.onnx"), gunzipSync(gzipSync("nothing")));
  const broken = await startModelServer({ repository: other });
  try {
    expect((await fetch(`${broken.url}/v2/health/live`)).status).toBe(200);
    expect((await fetch(`${broken.url}/v2/health/ready`)).status).toBe(400);
  } finally {
    await broken.close();
    await rm(other, { recursive: true, force: true });
  }
});

function post(path: string, body: unknown): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: text,
  });
}

function infer(request: unknown, signal?: AbortSignal): Promise<Response> {
  const init = { method: "POST", body: JSON.stringify(request), ...(signal ? { signal } : {}) };
  return fetch(`${server.url}/v2/models/digits/infer`, init);
}

async function outputsOf(answer: Response): Promise<{ name: string; shape: number[]; data: number[] }[]> {
  const { outputs } = (await answer.json()) as {
    outputs: { name: string; shape: number[]; data: number[] }[];
  };
  return outputs;
}

async function errorOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { error: string }).error;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
