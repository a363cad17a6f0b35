/** Whether a content type is gRPC over HTTP/2. gRPC-Web has no trailers and passes as what it is: plain HTTP. */
export function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && grpcPattern.test(contentType);
}

/**
 * The HTTP status that says what a gRPC status says (after google/rpc/code.proto), so that both are judged alike: from
 * 500 on another instance might do better. UNIMPLEMENTED is 404 here, for no instance of the same server has the method.
 */
export function httpStatusOf(grpcStatus: string | undefined): number {
  const code = grpcStatus === undefined || !/^\d{1,2}$/.test(grpcStatus) ? 2 : Number(grpcStatus);
  return statuses[code] ?? 500;
}

/** What a client of gRPC reads where HTTP has `status`. */
export function grpcStatusOf(status: number): string {
  return status === 500 ? "13" : "14";
}

/** Milliseconds of a `grpc-timeout`, or undefined where there is none that can be read. */
export function readTimeoutMs(text: string | undefined): number | undefined {
  const match = timeoutPattern.exec(text ?? "");
  const unit = unitsMs[match?.[2] ?? ""];
  return match && unit ? Number(match[1]) * unit : undefined;
}

/** The finest unit in which the time fits into the eight digits that are allowed. Never zero: that would be no time at all. */
export function writeTimeout(ms: number): string {
  const us = Math.max(1, Math.floor(ms * 1000));
  if (us < 1e8) return `${us}u`;
  if (ms < 1e8) return `${Math.floor(ms)}m`;
  return `${Math.min(99_999_999, Math.floor(ms / 1000))}S`;
}

/** Calls that only ask, and so may be asked of another instance. Their answers say nothing of the model's work. */
export function isQuestion(path: string): boolean {
  return questionPattern.test(path);
}

const grpcPattern = /^application\/grpc(?:$|[+;\s])/i;
const timeoutPattern = /^(\d{1,8})([HMSmun])$/;
const unitsMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
const statuses = [200, 499, 500, 400, 504, 404, 409, 403, 503, 400, 409, 400, 404, 500, 503, 500, 401];
const questionPattern =
  /^\/(?:grpc\.health\.v1\.Health\/(?:Check|Watch)|inference\.GRPCInferenceService\/(?:(?:Server|Model)(?:Live|Ready|Metadata|Config|Statistics)|RepositoryIndex))$/;
