import { Fault, type Tensor } from "@locum/contracts";
import { openHeapBudget } from "../heap-budget.ts";
import type { CallOptions, InferAnswer } from "../model-server.ts";
import type { Asking } from "./asking.ts";
import { decodeGrpcAnswer } from "./decode-answer.ts";
import { grpcInferRequest } from "./encode-infer.ts";
import { faultOf, grpcStatus } from "./status.ts";
import { errorMessageOf, inferResponseOf } from "./stream.ts";

/**
 * One inference. Models that answer with several messages (Triton calls them decoupled) are refused as a unary call:
 * those, and only those, are asked by a stream, which is read to its end.
 */
export async function inferGrpc(
  asking: Asking,
  { model, request, id }: { model: string; request: unknown; id: string | undefined },
  remaining: () => CallOptions,
): Promise<Omit<InferAnswer, "cached">> {
  const what = `infer ${model}`;
  const message = grpcInferRequest(request, { model, id });
  const unary = await asking.infer("ModelInfer", message, remaining());
  if (unary.kind === "answer") {
    return { outputs: decodeGrpcAnswer(unary.messages[0] ?? new Uint8Array()), latencyMs: unary.latencyMs };
  }
  const isDecoupled =
    unary.kind === "status" && unary.code === grpcStatus.unimplemented && /decoupled/i.test(unary.details);
  if (!isDecoupled) throw faultOf(unary, what, model);
  const stream = await asking.infer("ModelStreamInfer", message, remaining());
  if (stream.kind !== "answer") throw faultOf(stream, what, model);
  const take = openHeapBudget("upstream-protocol");
  const pieces = stream.messages.map((piece) => {
    const error = errorMessageOf(piece);
    if (error !== undefined) throw new Fault("upstream-refused", `${what}: ${error}`);
    return decodeGrpcAnswer(inferResponseOf(piece), take);
  });
  return { outputs: joined(pieces.flat()), latencyMs: stream.latencyMs };
}

const elementsMax = 2 ** 20;

/** The pieces of each output in their order, joined along the first axis where they differ in no other, else flat. */
function joined(pieces: Tensor[]): Tensor[] {
  return [...Map.groupBy(pieces, ({ name }) => name).values()].flatMap(([first, ...others]) => {
    if (!first) return [];
    const all = [first, ...others];
    if (all.some(({ datatype }) => datatype !== first.datatype)) {
      throw new Fault("upstream-protocol", `output ${first.name} changes its datatype within a stream`);
    }
    const count = all.reduce((sum, { data }) => sum + data.length, 0);
    if (count > elementsMax)
      throw new Fault("upstream-protocol", `output ${first.name}: over ${elementsMax} elements`);
    const rest = JSON.stringify(first.shape.slice(1));
    const data = all.flatMap((piece) => Array.from(piece.data));
    const isAlongFirst =
      first.shape.length > 0 && all.every(({ shape }) => JSON.stringify(shape.slice(1)) === rest);
    const rows = all.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
    return { ...first, shape: isAlongFirst ? [rows, ...first.shape.slice(1)] : [data.length], data };
  });
}
