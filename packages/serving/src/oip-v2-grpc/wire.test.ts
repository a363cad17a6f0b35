import { gzipSync } from "node:zlib";
import type { Datatype } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeElements } from "../tensor/binary-tensor.ts";
import { encodeMessage, framed } from "../testing/scripted-grpc-server.ts";
import { openWires, type Wire } from "../wire.ts";
import { decodeGrpcAnswer } from "./decode-answer.ts";

const path = (call: string) => `/inference.GRPCInferenceService/${call}`;
const headers = { "content-type": "application/grpc" };
const wireOf = openWires();

function wire(call = "ModelInfer"): Wire {
  const found = wireOf({ method: "POST", path: path(call), headers });
  if (!found) throw new Error(`no wire for ${call}`);
  return found.wire;
}

test("inferences are known by their path and content type", () => {
  const routed = (method: string, path: string, type?: string) =>
    wireOf({ method, path, headers: type === undefined ? {} : { "content-type": type } })?.route;
  const body = { model: undefined, repeatable: "body" };
  for (const call of ["ModelInfer", "ModelStreamInfer"]) {
    expect(routed("POST", path(call), "application/grpc")).toEqual(body);
    expect(routed("POST", path(call), "Application/gRPC+proto")).toEqual(body);
    expect(routed("GET", path(call), "application/grpc")).toBe(undefined);
    expect(routed("POST", path(call), "application/json")).toBe(undefined);
    expect(routed("POST", path(call))).toBe(undefined);
  }
  expect(routed("POST", path("ServerLive"), "application/grpc")).toBe(undefined);
  expect(routed("POST", "/other.Service/ModelInfer", "application/grpc")).toBe(undefined);
});

const input = { name: "x", datatype: "FP32", shape: [1], contents: { fp32_contents: [1] } };
const request = (parameters: object = {}) =>
  framed(encodeMessage("Infer", { model_name: "digits", id: "a", parameters, inputs: [input] }));

test.for([
  [{}, true],
  [{ priority: { int64_param: 3 } }, true],
  [{ sequence_id: { int64_param: 0 } }, true],
  [{ sequence_id: { string_param: "" }, sequence_start: { bool_param: false } }, true],
  [{ sequence_id: { int64_param: 7 } }, false],
  [{ sequence_id: { int64_param: -1 } }, false],
  [{ sequence_id: { string_param: "s" } }, false],
  [{ sequence_start: { bool_param: true } }, false],
  [{ sequence_end: { bool_param: true } }, false],
] as const)("with parameters %j a request may be repeated: %s", ([parameters, repeatable]) => {
  expect(wire().look?.(headers, request(parameters))).toEqual({ model: "digits", repeatable });
  const zipped = framed(gzipSync(request(parameters).subarray(5)), 1);
  expect(wire().look?.({ ...headers, "grpc-encoding": "gzip" }, zipped)).toEqual({
    model: "digits",
    repeatable,
  });
  expect(wire("ModelStreamInfer").look?.(headers, request(parameters))).toEqual({
    model: "digits",
    repeatable: false,
  });
});

test("a version that the request names belongs to its model's name", () => {
  const message = encodeMessage("Infer", { model_name: "digits", model_version: "2", inputs: [input] });
  expect(wire().look?.(headers, framed(message))).toEqual({ model: "digits@2", repeatable: true });
});

test("what cannot be read may not be repeated", () => {
  const unread = { model: undefined, repeatable: false };
  expect(wire().look?.(headers, request().subarray(0, -1))).toEqual(unread);
  expect(wire().look?.(headers, framed(Buffer.from([0x0b])))).toEqual(unread);
  expect(wire().look?.({ ...headers, "grpc-encoding": "snappy" }, framed(Buffer.from("x"), 1))).toEqual(
    unread,
  );
  expect(
    wire().look?.({ ...headers, "grpc-encoding": "gzip" }, framed(gzipSync(Buffer.alloc(20e6)), 1)),
  ).toEqual(unread);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(wire().look?.(headers, bytes)).toMatchObject({ repeatable: expect.any(Boolean) });
      expect(wire().defect(headers, bytes)).toBe(undefined);
    }),
  );
});

const value = fc.oneof(
  { weight: 30, arbitrary: fc.float({ min: -1000, max: 1000, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
);
const output = fc.record({
  name: fc.stringMatching(/^[a-z]{1,8}$/),
  datatype: fc.constantFrom("FP16", "BF16", "FP32", "FP64", "INT32") as fc.Arbitrary<Datatype>,
  data: fc.array(value),
});

/** What is wrong with the first output that holds no finite number. */
function expected(outputs: { name: string; datatype: string; data: number[] }[]) {
  for (const { name, datatype, data } of outputs) {
    const index = datatype.startsWith("INT") ? -1 : data.findIndex((v) => !Number.isFinite(v));
    if (index >= 0) return { kind: "not-finite", detail: `output ${name}[${index}]` };
  }
  return undefined;
}

const whole = (data: number[]) => data.map((v) => (Number.isFinite(v) ? Math.trunc(v) + 0 : 7));

test("in raw contents it finds what a look at every value finds, zipped or not", () => {
  fc.assert(
    fc.property(fc.array(output), (outputs) => {
      const message = encodeMessage("Answer", {
        outputs: outputs.map(({ name, datatype, data }) => ({ name, datatype, shape: [data.length] })),
        raw_output_contents: outputs.map(({ datatype, data }) =>
          encodeElements({ datatype, data: datatype === "INT32" ? whole(data) : data }),
        ),
      });
      const found = expected(outputs);
      expect(wire().defect(headers, framed(message))).toEqual(found);
      const zipped = { ...headers, "grpc-encoding": "gzip" };
      expect(wire().defect(zipped, framed(gzipSync(message), 1))).toEqual(found);
    }),
  );
});

test("in typed contents too, and both are decoded to the same numbers", () => {
  const typed = output.filter(({ datatype }) => datatype !== "FP16" && datatype !== "BF16");
  const fields = { FP32: "fp32_contents", FP64: "fp64_contents", INT32: "int_contents" } as Record<
    string,
    string
  >;
  fc.assert(
    fc.property(fc.array(typed), (given) => {
      const outputs = given.map((one) =>
        one.datatype === "INT32" ? { ...one, data: whole(one.data) } : one,
      );
      const message = encodeMessage("Answer", {
        outputs: outputs.map(({ name, datatype, data }) => ({
          name,
          datatype,
          shape: [data.length],
          contents: { [fields[datatype] ?? ""]: data },
        })),
      });
      expect(wire().defect(headers, framed(message))).toEqual(expected(outputs));
      expect(decodeGrpcAnswer(message).map(({ data }) => Array.from(data))).toEqual(
        outputs.map(({ data, datatype }) => (datatype === "FP32" ? data.map(Math.fround) : data)),
      );
    }),
  );
});

test("contents that are not packed are read too", () => {
  const contents = encodeMessage("Unpacked", { fp32_contents: [1, 2, Number.NaN] });
  const answer = encodeMessage("Answer", { outputs: [{ name: "p", datatype: "FP32", shape: [3] }] });
  // The one output, behind its tag and length, with the contents as its last field.
  const output = answer.subarray(2);
  const joined = Buffer.concat([output, Buffer.from([0x2a, contents.length]), contents]);
  const message = Buffer.concat([Buffer.from([0x2a, joined.length]), joined]);
  expect(wire().defect(headers, framed(message))).toEqual({ kind: "not-finite", detail: "output p[2]" });
  expect(Array.from(decodeGrpcAnswer(message)[0]?.data ?? [])).toEqual([1, 2, Number.NaN]);
});

test("a stream in any pieces counts its messages and finds what each holds", () => {
  const message = fc.record({
    outputs: fc.array(
      output.filter(({ datatype }) => datatype !== "INT32"),
      { maxLength: 2 },
    ),
    error: fc.constantFrom("", "", "out of memory"),
    isWrapped: fc.boolean(),
    isZipped: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 5 }),
      fc.array(fc.nat(400), { maxLength: 20 }),
      (messages, cuts) => {
        const bytes = messages.map(({ outputs, error, isWrapped, isZipped }) => {
          const answer = {
            model_name: "m",
            model_version: "1",
            outputs: outputs.map(({ name, datatype, data }) => ({ name, datatype, shape: [data.length] })),
            raw_output_contents: outputs.map(encodeElements),
          };
          const encoded = isWrapped
            ? encodeMessage("StreamAnswer", { error_message: error, infer_response: answer })
            : encodeMessage("Answer", answer);
          return isZipped ? framed(gzipSync(encoded), 1) : framed(encoded);
        });
        const all = Buffer.concat(bytes);
        const stream = wire("ModelStreamInfer").stream?.({ ...headers, "grpc-encoding": "gzip" });
        const found = [0, ...cuts.toSorted((a, b) => a - b), all.length].flatMap((cut, i, ends) => {
          const defect = i === 0 ? undefined : stream?.push(all.subarray(ends[i - 1], cut));
          return defect ?? [];
        });
        expect(stream?.items()).toBe(messages.length);
        expect(found[0]).toEqual(messages.map(({ outputs }) => expected(outputs)).find((one) => one));
        expect([stream?.end(), stream?.cut()]).toEqual([undefined, undefined]);
      },
    ),
  );
});

test("a message over the limit is counted, and what follows it is read", () => {
  const stream = wire("ModelStreamInfer").stream?.(headers);
  const bad = encodeMessage("Answer", {
    outputs: [{ name: "p", datatype: "FP32", shape: [1] }],
    raw_output_contents: [encodeElements({ datatype: "FP32", data: [Number.NaN] })],
  });
  const huge = framed(Buffer.alloc(17 * 1024 * 1024));
  for (let at = 0; at < huge.length; at += 1_000_003) stream?.push(huge.subarray(at, at + 1_000_003));
  expect(stream?.items()).toBe(1);
  expect(stream?.push(framed(bad))).toEqual({ kind: "not-finite", detail: "output p[0]" });
  expect(stream?.items()).toBe(2);
});
