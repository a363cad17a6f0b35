import { openGrpcChannel } from "../grpc/channel.ts";
import type { ServerIdentity } from "../oip-v2/server.ts";
import { openAsking, type SmallAnswer } from "./asking.ts";
import { identifyGrpc } from "./server.ts";

export type GrpcProbe = {
  /** Whether the v2 protocol is spoken there, by a server that is ready or not. */
  speaks: boolean;
  server?: ServerIdentity;
  /** What was asked and answered, on one line. */
  evidence: string;
};

/** Two questions at once to a port that may be a server's gRPC port. Never throws. With `ca`, over TLS. */
export async function probeGrpc({
  address,
  ca,
  secure = ca !== undefined,
  headers = {},
  timeoutMs,
  signal,
}: {
  address: string;
  ca?: string | Uint8Array;
  secure?: boolean;
  headers?: Record<string, string>;
  timeoutMs: number;
  signal?: AbortSignal;
}): Promise<GrpcProbe> {
  const { ask, close } = openGrpcChannel({
    address,
    secure,
    headers,
    answerBytesMax: 65_536,
    ...(ca === undefined ? {} : { ca }),
  });
  try {
    const asking = openAsking(ask);
    const options = { timeoutMs, ...(signal ? { signal } : {}) };
    const [live, server] = await Promise.all([
      asking.outcome({ call: "ServerLive", request: "Empty", answer: "Live" }, options),
      identifyGrpc(asking, options).catch(() => undefined),
    ]);
    const name = server ? `, ServerMetadata: ${server.name} ${server.version ?? ""}`.trimEnd() : "";
    return {
      speaks: server !== undefined || (live.kind === "answer" && live.value !== undefined),
      ...(server ? { server } : {}),
      evidence: `gRPC ${address} ServerLive: ${lineOf(live)}${name}`,
    };
  } finally {
    close();
  }
}

function lineOf(answered: SmallAnswer): string {
  if (answered.kind === "failed") return `${answered.detail} (${answered.reason})`.slice(0, 160);
  if (answered.kind === "status") return `status ${answered.code} ${answered.details}`.trim().slice(0, 160);
  return answered.value ? `live ${answered.value.live}` : "no such message";
}
