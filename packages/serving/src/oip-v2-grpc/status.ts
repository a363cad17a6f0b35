import { Fault } from "@locum/contracts";
import type { FailedDetail } from "../http/exchange.ts";

/** Codes of grpc.io/grpc/core/md_doc_statuscodes. */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** `status`: the server's own word. `failed`: there is none, as in `Exchanged`. */
export type GrpcFailure =
  | { kind: "status"; code: number; details: string }
  | { kind: "failed"; detail: FailedDetail; reason: string };

const refusals =
  /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|EADDRNOTAVAIL|^Name resolution failed/;
const resets =
  /ECONNRESET|EPIPE|ECONNABORTED|Failed to connect|Socket closed|socket hang up|Connection closed before/;

/**
 * What a status of grpc-js stands for. The library gives its own findings the codes that servers use; only their texts
 * tell them apart (subchannel-call.ts, picker.ts, stream-decoder.ts and compression-filter.ts in version 1.14).
 */
export function readStatus({ code, details = "" }: { code?: number; details?: string }): GrpcFailure {
  const failed = (detail: FailedDetail): GrpcFailure => ({
    kind: "failed",
    detail,
    reason: oneLine(details),
  });
  // A message in a coding that it does not know ends a call of the library without a status.
  if (code === undefined) return { kind: "failed", detail: "protocol", reason: "unknown message coding" };
  if (code === grpcStatus.deadlineExceeded) return failed("timeout");
  if (/^(No connection established|Name resolution failed)/.test(details)) {
    if (refusals.test(details)) return failed("refused");
    if (/ETIMEDOUT/.test(details)) return failed("timeout");
    return failed(resets.test(details) ? "reset" : "protocol");
  }
  if (code === grpcStatus.unavailable && isCut(details)) return failed("reset");
  const isOwnLimit = /^Received message (larger than max \(\d+ vs \d+\)|that decompresses to a size)/.test(
    details,
  );
  if (code === grpcStatus.resourceExhausted && isOwnLimit) return failed("protocol");
  // A stream that the other side resets, answers of plain HTTP, and messages that cannot be unfolded.
  const isNoAnswer = /^(Received RST_STREAM|Failed to decompress)/;
  if (isNoAnswer.test(details)) return failed("protocol");
  const http = /^Received HTTP status code (\d+)/.exec(details)?.[1];
  if (http !== undefined && !["401", "403", "429", "502", "503", "504"].includes(http))
    return failed("protocol");
  return { kind: "status", code, details: oneLine(details) };
}

/** The Fault of a call that failed. `model`: the model that was asked for, where the call was about one. */
export function faultOf(failure: GrpcFailure, what: string, model?: string): Fault {
  if (failure.kind === "failed") return new Fault(faultCodes[failure.detail], `${what}: ${failure.reason}`);
  const { code, details } = failure;
  if (model !== undefined && code === grpcStatus.notFound) {
    return new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`);
  }
  const cause = { status: code };
  const text = `${what}: gRPC status ${code} ${details}`.trim();
  return new Fault(code === grpcStatus.unimplemented ? "upstream-protocol" : "upstream-refused", text, {
    cause,
  });
}

const faultCodes = {
  refused: "upstream-unreachable",
  timeout: "upstream-timeout",
  reset: "upstream-unreachable",
  protocol: "upstream-protocol",
} as const;

function isCut(details: string): boolean {
  return (
    resets.test(details) ||
    /^(Connection dropped|Stream refused by server|Channel closed|Subchannel not ready|Write failed)/.test(
      details,
    )
  );
}

function oneLine(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, 200);
}

export function isUnimplemented(fault: unknown): boolean {
  return (
    fault instanceof Fault &&
    (fault.cause as { status?: number } | undefined)?.status === grpcStatus.unimplemented
  );
}
