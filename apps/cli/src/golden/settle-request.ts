import { Fault } from "@locum/contracts";
import type { ModelServer } from "@locum/serving";
import type { GoldenRequest } from "./read-requests.ts";

/**
 * The form of a request that every instance answers: what it asks for in addition (log-probabilities), or its fallback
 * where one of them refuses that. What refuses the fallback too refuses the request, and says so when it is asked.
 */
export async function settleRequest({
  model,
  request,
  fallback,
  instances,
  timeoutMs,
}: Pick<GoldenRequest, "request" | "fallback"> & {
  model: string;
  instances: readonly { server: ModelServer }[];
  timeoutMs: number;
}): Promise<GoldenRequest["request"]> {
  if (!fallback) return request;
  for (const { server } of instances) {
    const refused = await server.infer(model, request, { timeoutMs }).then(
      () => false,
      (error: unknown) => error instanceof Fault && error.code === "upstream-refused",
    );
    if (refused) return fallback;
  }
  return request;
}
