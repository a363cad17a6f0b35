import { createHash } from "node:crypto";
import type { CheckResult } from "./client-check.ts";
import { type GrpcAsked, type GrpcClient, type GrpcSaid, grpcClient } from "./grpc-client.ts";
import type { Peer } from "./peer.ts";
import { protobuf } from "./protobuf.ts";

type Case = (client: GrpcClient) => Promise<unknown>;

/** As `clientCheck`, over gRPC: every call of the protocol, on every kind of stream, right and wrong. */
export async function grpcCheck(address: string, peer: Peer): Promise<CheckResult> {
  const input = (await peer.inputs())[0] ?? [];
  const result: CheckResult = {};
  for (const [name, ask] of Object.entries(casesOf(peer.model, input))) {
    const client = grpcClient(address);
    try {
      result[`gRPC: ${name}`] = await ask(client);
    } catch (error) {
      result[`gRPC: ${name}`] = `no answer: ${(error as Error).message}`;
    } finally {
      client.close();
    }
  }
  return result;
}

const service = "/inference.GRPCInferenceService";
const named = (model: string) => protobuf.bytes(1, model);

function casesOf(model: string, input: readonly number[]): Record<string, Case> {
  const one = inferRequest(model, input, { raw: true });
  const infer = (messages: readonly Buffer[], more: Partial<GrpcAsked> = {}) =>
    once({ path: `${service}/ModelInfer`, messages, ...more });
  const stream = (...messages: Buffer[]) => once({ path: `${service}/ModelStreamInfer`, messages });
  const call = (name: string, message: Buffer = Buffer.alloc(0)) =>
    once({ path: `${service}/${name}`, messages: [message] });
  return {
    live: call("ServerLive"),
    ready: call("ServerReady"),
    "server metadata": call("ServerMetadata"),
    "model ready": call("ModelReady", named(model)),
    "model metadata": call("ModelMetadata", named(model)),
    "another model": call("ModelMetadata", named("nobody")),
    "repository index": call("RepositoryIndex"),
    health: once({ path: "/grpc.health.v1.Health/Check", messages: [Buffer.alloc(0)] }),
    "infer, raw": infer([one]),
    "infer, typed": infer([inferRequest(model, input, { raw: false })]),
    "8 MB of tensor": infer([inferRequest(model, input, { raw: true, rows: 32_768 })]),
    "2 MB of typed contents": infer([inferRequest(model, input, { raw: false, rows: 8_192 })]),
    "a compressed message": infer([one], { compressed: true }),
    "a compressed answer": infer([one], { headers: { "grpc-accept-encoding": "gzip" } }),
    "in pieces": infer([one], { pieceBytes: 7 }),
    "with a deadline": infer([one], { headers: { "grpc-timeout": "30S" } }),
    "with metadata": infer([one], {
      headers: { "x-trace": ["1", "2"], "x-trace-bin": "AP8=", "user-agent": "mine/1" },
    }),
    "content type with its kind": infer([one], { headers: { "content-type": "application/grpc+proto" } }),
    "kept alive": async (client) => {
      const answers: unknown[] = [];
      for (let i = 0; i < 20; i++)
        answers.push(await infer([inferRequest(model, input, { raw: true, id: `${i}` })])(client));
      return answers;
    },
    "many at once": (client) =>
      Promise.all(
        Array.from({ length: 32 }, (_, i) =>
          infer([inferRequest(model, input, { raw: true, id: `${i}` })])(client),
        ),
      ),
    "a stream": stream(one, one),
    "a stream of nothing": stream(),
    "a stream of another model": stream(inferRequest("nobody", input, { raw: true })),
    "another model's infer": infer([inferRequest("nobody", input, { raw: true })]),
    "another input": infer([inferRequest(model, input, { raw: true, name: "z" })]),
    "too few numbers": infer([inferRequest(model, input.slice(3), { raw: true })]),
    "another shape": infer([inferRequest(model, input, { raw: true, shape: [1, 3] })]),
    "an empty message": infer([Buffer.alloc(0)]),
    "two messages": infer([one, one]),
    "no message of the protocol": infer([Buffer.from([255, 255, 255])]),
    "a deadline that is none": infer([one], { headers: { "grpc-timeout": "soon" } }),
    "an unknown compression": infer([one], { headers: { "grpc-encoding": "magic" } }),
    "another call": call("Nothing"),
    "another service": once({ path: "/some.Other/Call", messages: [one] }),
  };
}

type InferParts = { raw: boolean; rows?: number; id?: string; name?: string; shape?: readonly number[] };

function inferRequest(
  model: string,
  row: readonly number[],
  { raw, rows = 1, id = "17", name = "x", shape = [rows, 64] }: InferParts,
): Buffer {
  const { bytes, packed, floats } = protobuf;
  const values = Buffer.concat(Array.from({ length: rows }, () => floats(row)));
  const tensor = [bytes(1, name), bytes(2, "FP32"), packed(3, shape)];
  const input = Buffer.concat(raw ? tensor : [...tensor, bytes(5, bytes(6, values))]);
  const rest = raw ? [bytes(7, values)] : [];
  return Buffer.concat([bytes(1, model), bytes(3, id), bytes(5, input), ...rest]);
}

const once =
  (asked: GrpcAsked): Case =>
  async (client) =>
    plain(await client.send(asked));

const kept = [":status", "content-type", "grpc-status", "grpc-message", "grpc-encoding", "x-trace"];

function plain({ headers, trailers, headOnly, body, resetCode }: GrpcSaid): unknown {
  const only = (all: typeof headers) =>
    Object.fromEntries(kept.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
  return { headers: only(headers), trailers: only(trailers), headOnly, body: short(body), resetCode };
}

const short = (body: Buffer): string =>
  body.length <= 1000
    ? body.toString("hex")
    : `${body.length} bytes, sha256 ${createHash("sha256").update(body).digest("hex")}`;
