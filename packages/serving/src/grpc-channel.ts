import type { Client, Metadata } from "@grpc/grpc-js";
import { Fault } from "@locum/contracts";
import { answerBytesMaxDefault, type ExchangeOptions, type FailedDetail } from "./exchange.ts";
import { expireAt } from "./expire-at.ts";
import type { CallOptions } from "./model-server.ts";
import { type GrpcFailure, readStatus } from "./oip-v2-grpc-status.ts";

export type GrpcQuestion = CallOptions & {
  /** `/package.Service/Call` */
  path: string;
  message: Uint8Array;
  /** Reads a stream to its end: all of its messages together stay within the answer's limit. */
  streams?: boolean;
};

export type GrpcAnswered = ({ kind: "answer"; messages: Buffer[] } | GrpcFailure) & { latencyMs: number };
export type GrpcAsk = (question: GrpcQuestion) => Promise<GrpcAnswered>;

export type GrpcChannelOptions = Pick<ExchangeOptions, "headers" | "ca" | "answerBytesMax" | "now"> & {
  /** host:port */
  address: string;
  secure: boolean;
};

const messagesMax = 100_000;
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

  function open({ Client, credentials }: typeof import("@grpc/grpc-js")): Counted {
    const roots = ca === undefined ? null : Buffer.from(ca);
    const identity = secure ? credentials.createSsl(roots) : credentials.createInsecure();
    const options = { ...channelOptions, "grpc.max_receive_message_length": answerBytesMax };
    return { client: new Client(`dns:${address}`, identity, options), running: new Set(), isRetired: false };
  }

  function retire(counted: Counted): void {
    if (counted === current) current = undefined;
    counted.isRetired = true;
    retiredAtMs = now();
    if (counted.running.size === 0) counted.client.close();
  }

  async function ask(question: GrpcQuestion): Promise<GrpcAnswered> {
    const grpc = await import("@grpc/grpc-js");
    const startedMs = now();
    let counted: Counted;
    let metadata: Metadata;
    try {
      current ??= open(grpc);
      counted = current;
      metadata = metadataOf(new grpc.Metadata(), headers);
    } catch (error) {
      return {
        kind: "failed",
        detail: "protocol",
        reason: String(error).slice(0, 200),
        latencyMs: now() - startedMs,
      };
    }
    const atMs = startedMs + question.timeoutMs;
    const outcome = await callOnce(question, { ...counted, metadata, bytesMax: answerBytesMax, atMs, now });
    const latencyMs = now() - startedMs;
    const isLost = outcome.kind === "failed" && outcome.detail !== "protocol" && !question.signal?.aborted;
    const isTimeout = outcome.kind === "failed" && outcome.detail === "timeout";
    if (isLost && (!isTimeout || latencyMs + startedMs - retiredAtMs > retireEveryMs)) retire(counted);
    else if (counted.isRetired && counted.running.size === 0) counted.client.close();
    return { ...outcome, latencyMs };
  }

  return {
    ask,
    close() {
      for (const end of current?.running ?? []) end();
      current?.client.close();
      current = undefined;
    },
  };
}

/** A client with the ends of its running calls. */
type Counted = { client: Client; running: Set<() => void>; isRetired: boolean };

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

type Sending = Omit<Counted, "isRetired"> & {
  metadata: Metadata;
  bytesMax: number;
  atMs: number;
  now: () => number;
};
type Outcome = { kind: "answer"; messages: Buffer[] } | GrpcFailure;

function callOnce(
  question: GrpcQuestion,
  { client, running, metadata, bytesMax, atMs, now }: Sending,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const { path, timeoutMs, signal } = question;
    const failed = (detail: FailedDetail, reason: string) => settle({ kind: "failed", detail, reason });
    const abort = () => failed("timeout", "aborted");
    const end = () => failed("reset", "closed");
    running.add(end);
    const messages: Buffer[] = [];
    let bytes = 0;
    let isSettled = false;
    let call: ReturnType<typeof begin> | undefined;
    const stopTimer = expireAt({ atMs, now, timeoutMs }, () =>
      failed("timeout", `no answer within ${Math.round(timeoutMs)} ms`),
    );
    function settle(outcome: Outcome): void {
      if (isSettled) return;
      isSettled = true;
      stopTimer();
      running.delete(end);
      signal?.removeEventListener("abort", abort);
      resolve(outcome);
      if (outcome.kind === "failed") call?.cancel();
    }
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      call = begin(client, { path, metadata, timeoutMs });
    } catch (error) {
      return failed("protocol", String(error).slice(0, 200));
    }
    call.on("data", (message: Buffer) => {
      bytes += message.length;
      if (bytes > bytesMax || messages.length >= messagesMax)
        failed("protocol", `answer over ${bytesMax} bytes`);
      else if (!isSettled) messages.push(message);
      // A second message of a unary call breaks the protocol: its first one may be a piece of something else.
      if (!question.streams && messages.length > 1) failed("protocol", "more than one message");
    });
    call.on("error", () => undefined);
    call.on("status", (status: { code?: number; details?: string }) => {
      if (status.code !== 0) settle(readStatus(status));
      else if (!question.streams && messages.length === 0) failed("protocol", "no message");
      else settle({ kind: "answer", messages });
    });
    call.write(Buffer.from(question.message));
    call.end();
  });
}

/**
 * Unary calls are streams of one message on the wire; asked as such, the bytes of each message stay as they came.
 *
 * The library counts deadlines on the wall clock, and its timer fires though answers wait in the socket after a stall of
 * ours. Its deadline is a bound for the server, twice as late; ours cancels the call.
 */
function begin(
  client: Client,
  { path, metadata, timeoutMs }: { path: string; metadata: Metadata; timeoutMs: number },
) {
  const same = (bytes: Buffer) => bytes;
  const deadline = Date.now() + 2 * timeoutMs + 1000;
  return client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, metadata, { deadline });
}

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

/** The address of a server's gRPC port: as it is named, else the port above the URL's. */
export function grpcAddress(base: string, named: string | undefined): string {
  if (named !== undefined) return named;
  const { hostname, port, protocol } = new URL(base);
  const above = Number(port || (protocol === "https:" ? 443 : 80)) + 1;
  if (above > 65_535) {
    throw new Fault("usage", `no port above that of ${base}`, { hint: "Name the gRPC port as host:port." });
  }
  return `${hostname}:${above}`;
}
