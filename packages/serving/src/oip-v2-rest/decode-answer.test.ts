import { gzipSync } from "node:zlib";
import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeAnswer } from "./decode-answer.ts";
import { decodeRequest } from "./decode-request.ts";

const fp32 = (data: unknown, shape: number[] = [2], more = {}) => ({
  name: "p",
  datatype: "FP32",
  shape,
  data,
  ...more,
});
const answer = (...outputs: unknown[]) => Buffer.from(JSON.stringify({ model_name: "m", outputs }));

// As each server writes it: Triton and Python the word, KServe null, gateways of gRPC the text.
test.for([
  ['{"outputs":[{"name":"p","datatype":"FP32","shape":[2],"data":[1,NaN]}]}', [1, Number.NaN]],
  [
    '{"outputs":[{"name":"p","datatype":"FP32","shape":[2],"data":[null,-Infinity]}]}',
    [Number.NaN, -Infinity],
  ],
  [
    '{"outputs":[{"name":"p","datatype":"FP32","shape":[2],"data":["NaN","Infinity"]}]}',
    [Number.NaN, Infinity],
  ],
  ['{"outputs":[{"name":"p","datatype":"INT64","shape":[1,2],"data":[["12"],[3]]}]}', [12, 3]],
  ['{"outputs":[{"name":"p","datatype":"BOOL","shape":[2],"data":[true,0]}]}', [true, false]],
  ['{"outputs":[{"name":"p","datatype":"BYTES","shape":[2],"data":["a",1]}]}', ["a", "1"]],
  ['{"outputs":[{"name":"p","datatype":"BYTES","shape":[5],"data":"hello"}]}', ["hello"]],
  ['{"outputs":[{"name":"p","datatype":"FP32","shape":[],"data":[1]}],"parameters":null}', [1]],
] as const)("%s", ([body, data]) =>
  expect(Array.from(decodeAnswer({}, Buffer.from(body))[0]?.data ?? [])).toEqual(data),
);

test("JSON and raw tensors side by side, compressed", () => {
  const raw = Buffer.from(Float32Array.from([0.5, Number.NaN]).buffer);
  const json = answer(
    { ...fp32(undefined), parameters: { binary_data_size: 8 } },
    { ...fp32([1, 2]), name: "q" },
  );
  const tensors = decodeAnswer(
    { "inference-header-content-length": String(json.length), "content-encoding": "gzip" },
    gzipSync(Buffer.concat([json, raw])),
  );
  expect(tensors.map(({ name, data }) => [name, Array.from(data)])).toEqual([
    ["p", [0.5, Number.NaN]],
    ["q", [1, 2]],
  ]);
});

test("outputs in shared memory have nothing to decode here", () => {
  const shared = { name: "s", datatype: "FP32", shape: [4], parameters: { shared_memory_region: "r" } };
  expect(decodeAnswer({}, answer(shared, fp32([1, 2])))).toHaveLength(1);
});

test.for([
  ["no JSON", Buffer.from("<html>"), {}],
  ["no outputs", Buffer.from('{"error":"no"}'), {}],
  ["too few elements", answer(fp32([1])), {}],
  ["a text for a number", answer(fp32([1, "one"])), {}],
  ["an unknown datatype", answer({ ...fp32([1, 2]), datatype: "FP8" }), {}],
  ["a shape that is none", answer(fp32([1, 2], [-1] as number[])), {}],
  ["a product past all memory", answer(fp32([1], [2 ** 20, 2 ** 20])), {}],
  ["no data", answer(fp32(undefined)), {}],
  ["raw bytes cut short", answer(fp32(undefined, [2], { parameters: { binary_data_size: 8 } })), {}],
  ["a head longer than the body", answer(fp32([1, 2])), { "inference-header-content-length": "5000" }],
  ["a head that is no number", answer(fp32([1, 2])), { "inference-header-content-length": "-1" }],
  ["bytes of no tensor", answer(fp32([1, 2])), { "inference-header-content-length": "3" }],
  ["broken compression", Buffer.from("no gzip"), { "content-encoding": "gzip" }],
  ["unknown compression", answer(fp32([1, 2])), { "content-encoding": "snappy" }],
  ["compression past the limit", gzipSync(Buffer.alloc(100_000)), { "content-encoding": "gzip" }],
] as const)("%s is a fault of the server", ([, body, headers]) => {
  const code = codeOf(() => decodeAnswer(headers, body, { bytesMax: 10_000 }));
  expect(code).toBe("upstream-protocol");
});

test("any change of one byte gives tensors or a Fault", () => {
  const raw = Buffer.from(Float32Array.from([0.5, 1]).buffer);
  const json = answer({ ...fp32(undefined), parameters: { binary_data_size: 8 } }, fp32([[1], [2]]));
  const whole = Buffer.concat([json, raw]);
  const headers = { "inference-header-content-length": String(json.length) };
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(whole);
      changed[at] = byte;
      expect([undefined, "upstream-protocol"]).toContain(codeOf(() => decodeAnswer(headers, changed)));
      expect([undefined, "request-invalid"]).toContain(codeOf(() => decodeRequest(headers, changed)));
    }),
  );
});

test("a request's sequence is seen, and none is none", () => {
  const request = (parameters: unknown) =>
    Buffer.from(JSON.stringify({ inputs: [fp32([1, 2])], parameters }));
  expect(decodeRequest({}, request({ sequence_id: 7 })).sequenceId).toBe(7);
  expect(decodeRequest({}, request({ sequence_id: "a" })).sequenceId).toBe("a");
  for (const none of [undefined, null, {}, { sequence_id: 0 }, { sequence_id: "" }]) {
    expect(decodeRequest({}, request(none)).sequenceId).toBe(undefined);
  }
  expect(decodeRequest({}, request({}))).toMatchObject({ raw: false, inputs: [{ name: "p", data: [1, 2] }] });
  expect(decodeRequest({ "inference-header-content-length": "0" }, Buffer.alloc(8))).toEqual({
    inputs: [],
    raw: true,
  });
});

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (fault) {
    if (fault instanceof Fault) return fault.code;
    throw fault;
  }
}
