import { Fault } from "@locum/contracts";
import type { ModelServer } from "@locum/serving";
import type { GoldenRequest } from "./read-requests.ts";

/**
 * The form of a request that every instance answers: what it asks for in addition (log-probabilities), or its fallback
 * where one of them refuses that, as the answers say that it is best asked. What refuses the fallback too refuses the
 * request, and says so when it is asked.
 * @throws Fault of an answer, or golden-unstable
 */
export async function settleRequest({
  at,
  model,
  request,
  fallback,
  settle,
  instances,
  timeoutMs,
}: Pick<GoldenRequest, "at" | "request" | "fallback" | "settle"> & {
  model: string;
  instances: readonly { server: ModelServer }[];
  timeoutMs: number;
}): Promise<GoldenRequest["request"]> {
  if (!fallback) return request;
  let settled = request;
  try {
    for (const { server } of instances) {
      const { outputs } = await server.infer(model, settled, { timeoutMs });
      settled = settle?.(settled, outputs) ?? settled;
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code === "upstream-refused") return fallback;
    throw new Fault(error.code, `${at} (${model}): ${error.message}`, { hint: error.hint, cause: error });
  }
  return settled;
}
