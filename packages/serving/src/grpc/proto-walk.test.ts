import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { signedVarint, varint, walkMessage } from "./proto-walk.ts";

type Seen = { field: number; wire: number; from: number; to: number };

function walked(bytes: Uint8Array, left = 1_000_000): { seen: Seen[]; whole: boolean } {
  const seen: Seen[] = [];
  const whole = walkMessage(bytes, { budget: { left } }, (field, wire, from, to) => {
    seen.push({ field, wire, from, to });
  });
  return { seen, whole };
}

const field = fc.integer({ min: 1, max: 0x1fffffff });
const written = fc.oneof(
  fc.record({ field, wire: fc.constant(0 as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ field, wire: fc.constant(1 as const), value: fc.double() }),
  fc.record({ field, wire: fc.constant(2 as const), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ field, wire: fc.constant(5 as const), value: fc.integer() }),
);

test("it sees every field that the library writes, and its value", () => {
  fc.assert(
    fc.property(fc.array(written), (fields) => {
      const writer = protobuf.Writer.create();
      for (const { field, wire, value } of fields) {
        writer.uint32(((field << 3) | wire) >>> 0);
        if (wire === 0) writer.uint64(String(value));
        else if (wire === 1) writer.double(value);
        else if (wire === 2) writer.bytes(value);
        else writer.sfixed32(value);
      }
      const bytes = writer.finish();
      const { seen, whole } = walked(bytes);
      expect(whole).toBe(true);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const values = seen.map(({ wire, from, to }) => {
        if (wire === 0) return [varint(bytes, from, to), signedVarint(bytes, from, to)];
        if (wire === 1) return view.getFloat64(from, true);
        return wire === 5 ? view.getInt32(from, true) : Uint8Array.from(bytes.subarray(from, to));
      });
      expect(seen.map(({ field, wire }) => ({ field, wire }))).toEqual(
        fields.map(({ field, wire }) => ({ field, wire })),
      );
      expect(values).toEqual(
        fields.map(({ wire, value }) =>
          wire === 0
            ? [Number(value), Number(BigInt.asIntN(64, value))]
            : wire === 2
              ? Uint8Array.from(value)
              : value,
        ),
      );
    }),
  );
});

test("any bytes end in a verdict, and what it shows lies within them, in order", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      let at = 0;
      for (const { from, to } of walked(bytes).seen) {
        expect(from).toBeGreaterThan(at);
        expect(to).toBeGreaterThanOrEqual(from);
        expect(to).toBeLessThanOrEqual(bytes.length);
        at = to;
      }
    }),
  );
});

test.for([
  ["a field past the end", [0x0a, 0x05, 0x01]],
  ["a length without end", [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ["a length near 2^64", [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ["a varint that stops", [0x08, 0x80]],
  ["a group", [0x0b, 0x0c]],
  ["field number 0", [0x02, 0x00]],
  ["half a double", [0x09, 0, 0, 0]],
] as const)("%s is no message", ([, bytes]) => expect(walked(Uint8Array.from(bytes)).whole).toBe(false));

test("a message of nothing but empty fields stops at its budget", () => {
  const { seen, whole } = walked(Buffer.alloc(2_000_000, Buffer.from([0x2a, 0x00])), 1000);
  expect(whole).toBe(false);
  expect(seen.length).toBe(1000);
});
