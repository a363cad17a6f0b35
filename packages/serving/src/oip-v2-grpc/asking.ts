import { Fault } from "@locum/contracts";
import type { GrpcAnswered, GrpcAsk } from "../grpc/channel.ts";
import type { CallOptions } from "../model-server.ts";
import { type GrpcMessages, loadGrpcMessages } from "./messages.ts";
import { faultOf, type GrpcFailure } from "./status.ts";

/** A question of small messages, which are named as in the proto text. `call` is of the protocol's service, or a path. */
export type SmallQuestion = { call: string; request: string; answer: string; value?: object };
/** `value` is undefined where the answer is no such message. */
export type SmallAnswer = ({ kind: "answer"; value: Record<string, unknown> | undefined } | GrpcFailure) & {
  latencyMs: number;
};

export type Asking = {
  /** Never throws. */
  outcome(question: SmallQuestion, options: CallOptions): Promise<SmallAnswer>;
  /** Throws a Fault where there is no such answer; NOT_FOUND is `model-unknown` where a model is named. */
  small(question: SmallQuestion, options: CallOptions, model?: string): Promise<Record<string, unknown>>;
  infer(
    call: "ModelInfer" | "ModelStreamInfer",
    request: object,
    options: CallOptions,
  ): Promise<GrpcAnswered>;
};

const service = "/inference.GRPCInferenceService/";

/** The protocol's questions on one channel. The messages are loaded by the first of them. */
export function openAsking(ask: GrpcAsk): Asking {
  let loading: Promise<GrpcMessages> | undefined;
  const messages = () => {
    loading ??= loadGrpcMessages();
    return loading;
  };

  async function outcome(
    { call, request, answer, value = {} }: SmallQuestion,
    options: CallOptions,
  ): Promise<SmallAnswer> {
    const { encode, decode } = await messages();
    const path = call.startsWith("/") ? call : service + call;
    const answered = await ask({ path, message: encode(request, value), ...options });
    if (answered.kind !== "answer") return answered;
    const { latencyMs, messages: received } = answered;
    return { kind: "answer", value: decode(answer, received[0] ?? new Uint8Array()), latencyMs };
  }

  return {
    outcome,
    async small(question, options, model) {
      const answered = await outcome(question, options);
      if (answered.kind !== "answer") throw faultOf(answered, question.call, model);
      if (answered.value) return answered.value;
      throw new Fault("upstream-protocol", `${question.call}: the answer is no ${question.answer}`);
    },
    async infer(call, request, options) {
      const { encode } = await messages();
      const streams = call === "ModelStreamInfer";
      return ask({ path: service + call, message: encode("Infer", request), streams, ...options });
    },
  };
}
