import fc from "fast-check";
import { expect, test } from "vitest";
import { httpStatusOf, isGrpc, isQuestion, readTimeoutMs, writeTimeout } from "./grpc.ts";

test("a timeout that is written reads as no more than it was, and hardly less", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1e12, noNaN: true }), (ms) => {
      const text = writeTimeout(ms);
      const read = readTimeoutMs(text) ?? Number.NaN;
      expect(text).toMatch(/^\d{1,8}[umS]$/);
      expect(read).toBeLessThanOrEqual(ms * (1 + 1e-9));
      expect(read).toBeGreaterThanOrEqual(Math.min(ms * 0.99, 9e10) - 0.001);
    }),
  );
});

test.each([0, -5])("no time left (%i) is the least there is", (ms) => {
  expect(writeTimeout(ms)).toBe("1u");
});

test.each(["", "5", "S5", "123456789S", "5s", "1e3m", "-1S", " 5S"])("'%s' is no timeout", (text) => {
  expect(readTimeoutMs(text)).toBeUndefined();
});

test("any text is read without a throw", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      readTimeoutMs(text);
      isQuestion(text);
      expect(isGrpc(text)).toBeTypeOf("boolean");
      expect(httpStatusOf(text)).toBeGreaterThanOrEqual(200);
    }),
  );
});

test.each<[string | undefined, number]>([
  ["0", 200],
  ["3", 400],
  ["4", 504],
  ["8", 503],
  ["13", 500],
  ["14", 503],
  [undefined, 500],
  ["17", 500],
  ["x", 500],
])("status %s is judged as HTTP %i", (code, status) => {
  expect(httpStatusOf(code)).toBe(status);
});

test.each<[string, boolean]>([
  ["application/grpc", true],
  ["application/grpc+proto", true],
  ["application/grpc; charset=x", true],
  ["application/grpc-web", false],
  ["application/json", false],
])("%s is gRPC: %s", (type, is) => {
  expect(isGrpc(type)).toBe(is);
});

test.each<[string, boolean]>([
  ["/inference.GRPCInferenceService/ServerLive", true],
  ["/inference.GRPCInferenceService/ModelReady", true],
  ["/inference.GRPCInferenceService/RepositoryIndex", true],
  ["/grpc.health.v1.Health/Check", true],
  ["/inference.GRPCInferenceService/ModelInfer", false],
  ["/inference.GRPCInferenceService/RepositoryModelLoad", false],
])("%s only asks: %s", (path, is) => {
  expect(isQuestion(path)).toBe(is);
});
