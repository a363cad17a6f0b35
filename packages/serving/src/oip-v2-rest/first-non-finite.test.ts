import { gzipSync } from "node:zlib";
import type { Datatype } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeElements } from "../tensor/binary-tensor.ts";
import { firstNonFinite } from "./first-non-finite.ts";

const json = (data: string, datatype = "FP32", more = "") =>
  Buffer.from(`{"id":null,"parameters":null,"outputs":[{"name":"n","datatype":"INT64","shape":[1],"data":[7]},
{"name":"p","datatype":"${datatype}","shape":[3],"parameters":null,"data":${data}}]${more}}`);

test.for([
  ["[1,NaN,2]", "FP32", 1],
  ["[1, nan, 2]", "FP32", 1],
  ["[1,2,-Infinity]", "FP32", 2],
  ["[1,2,inf]", "FP32", 2],
  ["[null,1,2]", "FP32", 0],
  ["[1,2,\n null]", "INT64", 2],
  ['[1,"NaN",2]', "FP64", 1],
  ['[1,2,"-Infinity"]', "FP64", 2],
  ["[1,2,1e39]", "FP32", 2],
  ["[1,2,-1E+39]", "FP32", 2],
  ["[1,2,1e999]", "FP64", 2],
  [`[1,2,1${"0".repeat(39)}]`, "FP32", 2],
  [`[1,2,1${"0".repeat(400)}.0]`, "FP64", 2],
  ["[[1],[2],[NaN]]", "FP32", 2],
] as const)("%s of %s: element %i", ([data, datatype, index]) => {
  expect(firstNonFinite({}, json(data, datatype))).toEqual({ output: "p", index });
  expect(firstNonFinite({ "content-encoding": "gzip" }, gzipSync(json(data, datatype)))).toEqual({
    output: "p",
    index,
  });
});

test.for([
  ["[1,2e-39,3]", "FP32"],
  ["[1,2,3e38]", "FP32"],
  ["[1,2,1e39]", "FP64"],
  [`[1,2,1${"0".repeat(39)}]`, "FP64"],
  ['["NaN","null",null]', "BYTES"],
  ["[true,false,null]", "BOOL"],
  ["null", "FP32"],
] as const)("%s of %s is fine", ([data, datatype]) =>
  expect(firstNonFinite({}, json(data, datatype))).toBe(undefined),
);

test("NaN elsewhere than in an output's data is not an answer's", () => {
  expect(firstNonFinite({}, json("[1,2,3]", "FP32", ',"x":[NaN,null,1e999]'))).toBe(undefined);
});

test("in JSON it finds what a look at every value finds", () => {
  const value = fc.oneof(
    { weight: 20, arbitrary: fc.double() },
    { weight: 20, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
    { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, null) },
  );
  fc.assert(
    fc.property(fc.array(value), fc.constantFrom("FP32", "FP64"), (values, datatype) => {
      const narrow = (v: number) => (datatype === "FP32" ? Math.fround(v) : v);
      const index = values.findIndex((v) => v === null || !Number.isFinite(narrow(v)));
      const found = firstNonFinite({}, json(`[${values.map(String).join(",")}]`, datatype));
      expect(found).toEqual(index < 0 ? undefined : { output: "p", index });
    }),
  );
});

test.for(["FP16", "BF16", "FP32", "FP64"] as Datatype[])(
  "in binary %s too, wherever the bytes lie",
  (datatype) => {
    const value = fc.oneof(
      { weight: 20, arbitrary: fc.float({ min: -1000, max: 1000, noNaN: true }) },
      { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
    );
    fc.assert(
      fc.property(fc.array(value), fc.stringMatching(/^[a-z]{0,8}$/), (data, name) => {
        const bytes = encodeElements({ datatype, data });
        const outputs = [
          { name: "first", datatype: "INT32", shape: [1], parameters: { binary_data_size: 4 } },
          { name, datatype, shape: [data.length], parameters: { binary_data_size: bytes.length } },
        ];
        const head = Buffer.from(JSON.stringify({ outputs }));
        // The first output's bytes would be a NaN, were they read as a float.
        const body = Buffer.concat([head, Buffer.from([0, 0, 0xc0, 0x7f]), bytes]);
        const index = data.findIndex((v) => !Number.isFinite(v));
        const headers = { "inference-header-content-length": String(head.length) };
        expect(firstNonFinite(headers, body)).toEqual(index < 0 ? undefined : { output: name, index });
      }),
    );
  },
);

test("bytes that it cannot read say nothing", () => {
  const headers = fc.constantFrom(
    {},
    { "content-encoding": "gzip" },
    { "inference-header-content-length": "5" },
  );
  fc.assert(
    fc.property(headers, fc.uint8Array(), (some, bytes) => {
      expect(firstNonFinite(some, bytes)).toBe(undefined);
    }),
  );
});
