import { HttpJson } from "@locum/contracts";
import { afterEach, expect, test } from "vitest";
import { connect } from "../connect.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "../testing/scripted-server.ts";

const call = { timeoutMs: 20_000 };
let server: ScriptedServer;
afterEach(() => server.close());

async function at(httpJson: Partial<HttpJson>, script: Record<string, Scripted>) {
  server = await startScriptedServer(script);
  return connect({ url: server.url, httpJson: HttpJson.parse({ infer: "/score", ...httpJson }) });
}

const answering = (outputs: HttpJson["outputs"], answer: Scripted) =>
  at({ outputs }, { "POST /score": answer });
const infer = async (outputs: HttpJson["outputs"], answer: Scripted) => {
  const one = await answering(outputs, answer);
  const found = await one.infer("default", { x: 1 }, call).finally(() => one.close());
  return found.outputs.map(({ name, datatype, shape, data }) => [name, datatype, shape, Array.from(data)]);
};

test("outputs are at their places in the answer", async () => {
  const body = {
    result: {
      scores: [0.1, 0.9],
      rows: [
        { id: "a", p: 1 },
        { id: "b", p: 2 },
      ],
    },
    ms: 3,
  };
  const outputs = {
    scores: "$.result.scores",
    ids: "$.result.rows[*].id",
    last: "$..p",
    big: "$.result.rows[?@.p>1].id",
  };
  expect(await infer(outputs, { body })).toEqual([
    ["scores", "FP64", [2], [0.1, 0.9]],
    ["ids", "BYTES", [2], ["a", "b"]],
    ["last", "FP64", [2], [1, 2]],
    ["big", "BYTES", [1], ["b"]],
  ]);
});

test("without places, the whole answer is the output; text is one too", async () => {
  expect(await infer({ answer: "$" }, { body: { y: 2 } })).toEqual([["answer.y", "FP64", [], [2]]]);
  expect(await infer({ answer: "$" }, { headers: { "content-type": "text/plain" }, body: "yes" })).toEqual([
    ["answer", "BYTES", [], ["yes"]],
  ]);
});

test.for([
  ["an output that is not there", { y: "$.y" }, { body: { x: 1 } }],
  ["places in what is no JSON", { y: "$.y" }, { headers: { "content-type": "text/plain" }, body: "yes" }],
  ["a page", { answer: "$" }, { headers: { "content-type": "text/html" }, body: "<html>" }],
  ["more results than anybody compares", { y: "$[*]" }, { body: Array(100_001).fill(1) }],
  ["an answer deeper than the library follows", { y: "$..y" }, { body: "[".repeat(200) + "]".repeat(200) }],
] as [string, HttpJson["outputs"], Scripted][])("%s is a fault", async ([, outputs, answer]) => {
  await expect(infer(outputs, answer)).rejects.toMatchObject({ code: "upstream-protocol" });
});

test.for(["$.a..b..c", "$[?match(@.a, '(a+)+$')]", "$.a[", "a.b"])("%s is no place", async (path) => {
  await expect(infer({ y: path }, { body: {} })).rejects.toMatchObject({ code: "config-invalid" });
});

test("health, models and reload are at the configured paths", async () => {
  const paths = { live: "/up", ready: "/m/{model}/ready", reload: "/m/{model}/reload", models: ["a b", "c"] };
  const one = await at(paths, {
    "GET /up": { status: 302, body: "" },
    "GET /m/a%20b/ready": {},
    "GET /m/c/ready": { status: 503 },
    "POST /m/a%20b/reload": {},
    "POST /m/c/reload": { status: 500, body: { error: "no file" } },
  });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await one.ready("c", call)).toMatchObject({ ok: false, status: 503 });
  expect(await one.ready("other", call)).toMatchObject({ ok: false });
  expect(await one.models(call)).toEqual([
    { name: "a b", state: "READY" },
    { name: "c", state: "UNAVAILABLE" },
  ]);
  expect(await one.reload("a b", call)).toMatchObject({ reloaded: true });
  expect(await one.reload("c", call)).toMatchObject({ outcome: "load-failed", detail: "status 500 no file" });
  await expect(one.infer("other", {}, call)).rejects.toMatchObject({ code: "model-unknown" });
  await expect(one.metadata("other", call)).rejects.toMatchObject({ code: "model-unknown" });
  one.close();
});

test("a server without a reload says so", async () => {
  const one = await at({}, {});
  expect(await one.reload("default", call)).toMatchObject({ reloaded: false, outcome: "unsupported" });
  one.close();
});
