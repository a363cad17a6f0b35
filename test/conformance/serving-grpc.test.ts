import { connect, type ModelServer } from "@locum/serving";
import { describe } from "vitest";
import { hostileCases } from "./hostile-cases.ts";

const request = { inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1] }] };

/** Over gRPC against the real servers: test/e2e/serving-real.test.ts. */
describe("serving: oip-v2-grpc against what is no model server", () => hostileCases(open, request));

function open(url: string, answerBytesMax: number): ModelServer {
  return connect({ protocol: "oip-v2-grpc", url, grpc: new URL(url).host, answerBytesMax });
}
