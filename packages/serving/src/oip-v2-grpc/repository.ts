import type { CallOptions } from "../model-server.ts";
import { type ModelRepository, type RepositoryAct, saysUnsupported } from "../oip-v2/reload.ts";
import type { Asking } from "./asking.ts";
import { grpcReady } from "./health.ts";
import { faultOf, grpcStatus } from "./status.ts";

/**
 * KServe's Python server (0.21) loads the model, then fails to write its answer: a load that failed has another status,
 * and this text is what becomes of everything after it.
 */
const kserveLoaded = "Internal server error";

/** The model repository extension over gRPC. */
export function grpcRepository(
  asking: Asking,
  { model, serverName }: { model: string; serverName: string | undefined },
  remaining: () => CallOptions,
): ModelRepository {
  const isKserve = serverName === "kserve";
  // KServe's Python server gave the name another number than everybody else, and says in the answer what it did.
  const names = isKserve
    ? { request: "KserveLoad", answer: "KserveLoaded" }
    : { request: "Load", answer: "Empty" };
  return {
    model,
    serverName,
    async act(act): Promise<RepositoryAct> {
      const call = act === "load" ? "RepositoryModelLoad" : "RepositoryModelUnload";
      const answered = await asking.outcome({ call, ...names, value: { model_name: model } }, remaining());
      if (answered.kind === "failed") throw faultOf(answered, `${act} ${model}`);
      if (answered.kind === "answer") {
        const isRefused = !answered.value || answered.value.done === false;
        return isRefused ? { kind: "refused", detail: `the server did not ${act} it` } : { kind: "done" };
      }
      const { code, details } = answered;
      if (isKserve && code === grpcStatus.internal && details === kserveLoaded) return { kind: "done" };
      const isUnsupported = code === grpcStatus.unimplemented || saysUnsupported(details);
      const detail = `gRPC status ${code} ${details}`.trim();
      return { kind: isUnsupported ? "unsupported" : "refused", detail };
    },
    isReady: () => grpcReady(asking, model, remaining()),
  };
}
