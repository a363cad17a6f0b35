import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { Client, Metadata } from "@grpc/grpc-js";
import { answerBytesMaxDefault, type ExchangeOptions } from "../http/exchange.ts";
import { type GrpcOutcome, type GrpcQuestion, grpcCallOnce } from "./call.ts";

export type GrpcAnswered = GrpcOutcome & { latencyMs: number };
export type GrpcAsk = (question: GrpcQuestion) => Promise<GrpcAnswered>;

export type GrpcChannelOptions = Pick<ExchangeOptions, "headers" | "ca" | "answerBytesMax" | "now"> & {
  /** host:port */
  address: string;
  secure: boolean;
};

const retireEveryMs = 10_000;

/**
 * Calls over one HTTP/2 connection, bounded in time and bytes. `ask` never throws. The library is loaded by the first
 * call, and that time is nobody's latency.
 *
 * grpc-js keeps the error of a failed connection and gives it to every call until its back-off ends; whoever asks here
 * wants to know what is there now. So a client whose connection failed is not asked again. One that timed out is
 * replaced too, for its connection may lead nowhere, yet seldom: closing waits for the other side.
 */
export function openGrpcChannel({
  address,
  secure,
  headers = {},
  ca,
  answerBytesMax = answerBytesMaxDefault,
  now = () => performance.now(),
}: GrpcChannelOptions): { ask: GrpcAsk; close(): void } {
  let current: Counted | undefined;
  let retiredAtMs = Number.NEGATIVE_INFINITY;

  function open({
    Client,
    credentials,
  }: Pick<typeof import("@grpc/grpc-js"), "Client" | "credentials">): Counted {
    const roots = ca === undefined ? null : Buffer.from(ca);
    const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
    const verify = {
      checkServerIdentity: (_name: string, cert: PeerCertificate) => checkServerIdentity(host, cert),
    };
    const identity = secure ? credentials.createSsl(roots, null, null, verify) : credentials.createInsecure();
    const options = {
      ...channelOptions,
      "grpc.max_receive_message_length": answerBytesMax,
      // TLS has no server name for an IP address, and the library insists on one; the certificate is held against
      // the address all the same.
      ...(isIP(host) ? { "grpc.ssl_target_name_override": "localhost" } : {}),
    };
    const client = new Client(`dns:${address}`, identity, options);
    return { client, running: new Set(), hasAnswered: false, isRetired: false, isClosed: false };
  }

  function retire(counted: Counted): void {
    if (counted === current) current = undefined;
    counted.isRetired = true;
    retiredAtMs = now();
    if (counted.running.size === 0) counted.client.close();
  }

  async function askOnce(
    { Client, Metadata, credentials }: typeof import("@grpc/grpc-js"),
    question: GrpcQuestion,
    atMs: number,
  ): Promise<GrpcOutcome | { kind: "stale" }> {
    let counted: Counted;
    let metadata: Metadata;
    try {
      current ??= open({ Client, credentials });
      counted = current;
      metadata = metadataOf(new Metadata(), headers);
    } catch (error) {
      return { kind: "failed", detail: "protocol", reason: String(error).slice(0, 200) };
    }
    const { client, running, hasAnswered } = counted;
    const bounds = { bytesMax: answerBytesMax, atMs, now };
    const outcome = await grpcCallOnce(question, { client, running, metadata, ...bounds });
    const lost = outcome.kind === "failed" && !question.signal?.aborted ? outcome.detail : "protocol";
    const isOverdue = lost === "timeout" && now() - retiredAtMs > retireEveryMs;
    if (lost === "reset" || lost === "refused" || isOverdue) retire(counted);
    else if (counted.isRetired && running.size === 0) client.close();
    if (lost === "reset" && hasAnswered && !counted.isClosed) return { kind: "stale" };
    counted.hasAnswered ||= outcome.kind !== "failed";
    return outcome;
  }

  async function ask(question: GrpcQuestion): Promise<GrpcAnswered> {
    const grpc = await import("@grpc/grpc-js");
    const startedMs = now();
    const atMs = startedMs + question.timeoutMs;
    let outcome = await askOnce(grpc, question, atMs);
    // The server may close a kept connection at the moment that we write to it: a new one says what is really there.
    if (outcome.kind === "stale") outcome = await askOnce(grpc, question, atMs);
    const latencyMs = now() - startedMs;
    if (outcome.kind === "stale")
      return { kind: "failed", detail: "reset", reason: "connection reset", latencyMs };
    return { ...outcome, latencyMs };
  }

  return {
    ask,
    close() {
      if (!current) return;
      current.isClosed = true;
      for (const end of current.running) end();
      current.client.close();
      current = undefined;
    },
  };
}

/** A client with the ends of its running calls. */
type Counted = {
  client: Client;
  running: Set<() => void>;
  /** Since when a reset may be that of a connection that was kept too long. */
  hasAnswered: boolean;
  isRetired: boolean;
  isClosed: boolean;
};

const channelOptions = {
  // A proxy of the environment stands between Locum and other hosts, never before the model server beside it.
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.max_send_message_length": -1,
  "grpc-node.flow_control_window": 1_048_576,
};

const ownedByTransport =
  /^(:|grpc-)|^(content-(type|length|encoding)|te|host|connection|transfer-encoding|user-agent|accept-encoding)$/;

/** Headers that a channel sets itself are left to it. */
function metadataOf(metadata: Metadata, headers: Record<string, string>): Metadata {
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (ownedByTransport.test(key)) continue;
    metadata.set(key, key.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}
