import { gzipSync } from "node:zlib";
import { HttpJson } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openWires, type WireOf } from "../wire.ts";
import { jsonNonFinite } from "./json-non-finite.ts";

const post = (path: string, headers = {}) => ({ method: "POST", path, headers });
const routeOf = (request: Parameters<WireOf>[0], httpJson?: HttpJson) => {
  const found = openWires({ httpJson })(request);
  return found && { protocol: found.wire.protocol, ...found.route };
};

test.for([
  ["/v1/models/m:predict", "kserve-v1", "m"],
  ["/v1/models/a%2Fb/versions/3:predict?x=1", "kserve-v1", "a/b"],
  ["/v1/models/m/labels/stable:predict", "kserve-v1", "m"],
  ["/predictions/m", "torchserve", "m"],
  ["/predictions/m/1.0", "torchserve", "m"],
] as const)("%s is an inference", ([path, protocol, model]) => {
  expect(routeOf(post(path))).toEqual({ protocol, model, repeatable: true });
});

test.for([
  "/v1/models/m",
  "/v1/models/m:explain",
  "/v1/models/%zz:predict",
  "/predictions",
  "/predictions/a/b/c",
])("%s is none", (path) => {
  expect(routeOf(post(path))).toBe(undefined);
  expect(routeOf({ method: "GET", path: "/v1/models/m:predict", headers: {} })).toBe(undefined);
});

test("a prediction that belongs to a sequence is not sent twice", () => {
  expect(routeOf(post("/predictions/m", { ts_request_sequence_id: "7" }))).toMatchObject({
    repeatable: false,
  });
});

test("configured paths go first, and say themselves whether they may be repeated", () => {
  const configured = (more: object) => HttpJson.parse({ infer: "/predictions/{model}", ...more });
  expect(routeOf(post("/predictions/m"), configured({}))).toEqual({
    protocol: "http-json",
    model: "m",
    repeatable: false,
  });
  expect(routeOf(post("/predictions/m"), configured({ idempotent: true }))).toMatchObject({
    repeatable: true,
  });
  expect(routeOf(post("/a.b(c)?k=1&z=2"), HttpJson.parse({ infer: "/a.b(c)?k=1" }))).toMatchObject({
    model: "default",
  });
  expect(routeOf(post("/aXb(c)?k=1"), HttpJson.parse({ infer: "/a.b(c)?k=1" }))).toBe(undefined);
});

const found = (body: string, numeric?: string[]) =>
  jsonNonFinite({}, Buffer.from(body), { ...(numeric ? { numeric } : {}) });

test.for([
  ['{"predictions":[[0.1,NaN]]}', "output predictions[1]"],
  ['{"y":-Infinity}', "output y"],
  ['{"y":[1,null,2]}', "output y[1]"],
  ['{"y":[[null,null],[1,2]]}', "output y[0]"],
  ['{"y":["NaN",1]}', "output y[0]"],
  ['[{"p":[1,null]}]', "output [0].p[1]"],
  ["NaN", "output "],
])("%s holds no finite number at a place", ([body, detail]) => {
  expect(found(body ?? "")).toEqual({ kind: "not-finite", detail });
});

test.for([
  '{"y":[1,2]}',
  '{"error":null,"y":[1]}',
  '{"labels":[null,null]}',
  '{"labels":["null","NaN","inf"]}',
  '{"text":"NaN, null","names":["nan"]}',
  '{"y":[1,',
  "",
  "<html>NaN</html>",
])("%s is no defect", (body) => {
  expect(found(body)).toBe(undefined);
});

test("a list of nothing but null counts where numbers are expected", () => {
  expect(found('{"predictions":[[null,null]]}', ["predictions"])).toMatchObject({ kind: "not-finite" });
  expect(found('{"meta":[null]}', ["predictions"])).toBe(undefined);
});

test("a compressed answer is read, a bomb is not", () => {
  const headers = { "content-encoding": "gzip" };
  expect(jsonNonFinite(headers, gzipSync('{"y":[NaN]}'))).toMatchObject({ detail: "output y[0]" });
  expect(jsonNonFinite(headers, gzipSync(Buffer.alloc(50_000_000, "[NaN,")))).toBe(undefined);
});

test("whatever comes, it never throws; clean numbers are clean, and one NaN among them is seen", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void jsonNonFinite({}, bytes)));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      if (!text.includes("null") && !/nan|inf/i.test(text)) expect(found(text)).toBe(undefined);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })), fc.nat(), (numbers, place) => {
      const words = numbers.map(String);
      words.splice(place % (words.length + 1), 0, "NaN");
      expect(found(`{"y":[${words.join(", ")}]}`)).toBeDefined();
    }),
  );
});
