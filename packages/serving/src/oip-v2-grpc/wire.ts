import type { IncomingHttpHeaders } from "node:http";
import { firstMessage } from "../grpc/frames.ts";
import type { Headers } from "../http/exchange.ts";
import type { Wire, WireRoute } from "../wire.ts";
import { lookAtInfer } from "./look.ts";
import { grpcNonFinite } from "./non-finite.ts";
import { openGrpcStream } from "./stream.ts";

const service = "/inference.GRPCInferenceService/";
/** Larger messages pass unread: unfolding and reading them would hold up everybody else's requests. */
const messageBytesMax = 16 * 1024 * 1024;

/** A unary v2 inference over gRPC. Model and sequence stand in the message. */
const unary: Wire = {
  protocol: "oip-v2-grpc",
  route: (request) => routeOf("ModelInfer", request),
  look: (headers, body) => look(headers, body) ?? { model: undefined, repeatable: false },
  defect(headers, body) {
    const message = firstMessage(headers, body, messageBytesMax);
    return message && grpcNonFinite(message);
  },
};

/** The bidirectional stream of Triton and MLServer: it may have had an effect with each message that was sent. */
const streaming: Wire = {
  protocol: "oip-v2-grpc",
  route: (request) => routeOf("ModelStreamInfer", request),
  look: (headers, body) => ({ model: look(headers, body)?.model, repeatable: false }),
  defect: () => undefined,
  stream: (headers) =>
    isGrpc(headers["content-type"]) ? openGrpcStream(headers, messageBytesMax) : undefined,
};

/** Answers of both calls look alike in their headers: the request's path says which of the two reads them. */
export const oipV2GrpcWires: readonly Wire[] = [unary, streaming];

function routeOf(
  call: string,
  { method, path, headers }: { method: string; path: string; headers: IncomingHttpHeaders },
): WireRoute | undefined {
  if (method !== "POST" || path !== service + call || !isGrpc(headers["content-type"])) return undefined;
  return { model: undefined, repeatable: "body" };
}

function look(headers: Headers, body: Uint8Array) {
  const message = firstMessage(headers, body, messageBytesMax);
  return message && lookAtInfer(message);
}

function isGrpc(contentType: Headers[string]): boolean {
  return typeof contentType === "string" && contentType.toLowerCase().startsWith("application/grpc");
}
