import type { Datatype, Tensor } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeElements, encodeElements } from "./binary-tensor.ts";
import { elementBytes } from "./numeric.ts";

const unbounded = () => undefined;
const safe = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
const elements: Record<Datatype, fc.Arbitrary<number | string | boolean>> = {
  BOOL: fc.boolean(),
  UINT8: fc.integer({ min: 0, max: 255 }),
  INT8: fc.integer({ min: -128, max: 127 }),
  UINT16: fc.integer({ min: 0, max: 65_535 }),
  INT16: fc.integer({ min: -32_768, max: 32_767 }),
  UINT32: fc.integer({ min: 0, max: 4_294_967_295 }),
  INT32: fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }),
  UINT64: fc.integer({ ...safe, min: 0 }),
  INT64: fc.integer(safe),
  FP16: fc.constantFrom(0, -0, 1.5, -65_504, 2 ** -24, Infinity, Number.NaN),
  BF16: fc.constantFrom(0, -0, 1.5, -(2 ** 127), 2 ** -126, -Infinity, Number.NaN),
  FP32: fc.float(),
  FP64: fc.double(),
  BYTES: fc.string({ unit: "grapheme" }),
};

test.for(Object.keys(elements) as Datatype[])("%s comes back from its bytes", (datatype) => {
  fc.assert(
    fc.property(fc.array(elements[datatype]), fc.nat(7), (data, offset) => {
      const bytes = encodeElements({ datatype, data: data as Tensor["data"] });
      // Inside a larger buffer, at any address: answers come that way.
      const around = Buffer.concat([Buffer.alloc(offset, 0xaa), bytes, Buffer.alloc(3, 0xbb)]);
      const decoded = decodeElements(datatype, around.subarray(offset, offset + bytes.length), unbounded);
      expect(Array.from(decoded ?? ["nothing"])).toEqual(data);
    }),
  );
});

test("bytes that are no whole elements are nothing, and any others are something", () => {
  const datatype = fc.constantFrom(...(Object.keys(elements) as Datatype[]));
  fc.assert(
    fc.property(datatype, fc.uint8Array(), (name, bytes) => {
      const decoded = decodeElements(name, bytes, unbounded);
      if (name === "BYTES") expect(decoded === undefined || decoded.length <= bytes.length / 4).toBe(true);
      else
        expect(decoded?.length).toBe(
          bytes.length % elementBytes[name] ? undefined : bytes.length / elementBytes[name],
        );
    }),
  );
});

test("texts that are not UTF-8 stay apart", () => {
  const text = (byte: number) => decodeElements("BYTES", Buffer.from([1, 0, 0, 0, byte]), unbounded)?.[0];
  expect(text(0xfe)).not.toBe(text(0xff));
});
