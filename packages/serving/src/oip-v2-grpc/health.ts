import type { CallOptions, ProbeOutcome } from "../model-server.ts";
import type { Asking, SmallAnswer } from "./asking.ts";
import { namedModel } from "./server.ts";
import { grpcStatus } from "./status.ts";

/** Never throws. Servers without the protocol's health calls may have gRPC's own, `grpc.health.v1`. */
export async function grpcLive(asking: Asking, options: CallOptions): Promise<ProbeOutcome> {
  const question = { call: "ServerLive", request: "Empty", answer: "Live" };
  return said("live", await asking.outcome(question, options)) ?? (await checkHealth(asking, "", options));
}

/** The server's readiness, or one model's. Never throws. */
export async function grpcReady(
  asking: Asking,
  model: string | undefined,
  options: CallOptions,
): Promise<ProbeOutcome> {
  const question =
    model === undefined
      ? { call: "ServerReady", request: "Empty", answer: "Ready" }
      : { call: "ModelReady", request: "Named", answer: "Ready", value: namedModel(model) };
  const answered = await asking.outcome(question, options);
  const service = model === undefined ? "" : namedModel(model).name;
  return said("ready", answered) ?? (await checkHealth(asking, service, options));
}

/** SERVING in grpc.health.v1.HealthCheckResponse. */
const serving = 1;

async function checkHealth(asking: Asking, name: string, options: CallOptions): Promise<ProbeOutcome> {
  const call = "/grpc.health.v1.Health/Check";
  const question = { call, request: "HealthCheck", answer: "Health", value: { service: name } };
  const answered = await asking.outcome(question, options);
  if (answered.kind === "answer" && answered.value) {
    return verdict(answered.value.status === serving, answered.latencyMs);
  }
  // A gRPC server with neither is none of this protocol.
  return said("status", answered) ?? { ok: false, latencyMs: answered.latencyMs, detail: "protocol" };
}

/** Undefined where the server does not have the call. */
function said(field: string, answered: SmallAnswer): ProbeOutcome | undefined {
  const { latencyMs } = answered;
  if (answered.kind === "failed") return { ok: false, latencyMs, detail: answered.detail };
  if (answered.kind === "answer") {
    if (!answered.value) return { ok: false, latencyMs, detail: "protocol" };
    return verdict(answered.value[field] === true, latencyMs);
  }
  return answered.code === grpcStatus.unimplemented ? undefined : verdict(false, latencyMs);
}

function verdict(ok: boolean, latencyMs: number): ProbeOutcome {
  return { ok, latencyMs, detail: ok ? "ok" : "status" };
}
