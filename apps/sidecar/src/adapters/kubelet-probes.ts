import { type IncomingMessage, request as requestHttp, type Server, type ServerResponse } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as requestHttps } from "node:https";
import { connect as connectTcp } from "node:net";
import { Fault, type Report } from "@locum/contracts";
import { z } from "zod";

const port = z.number().int().min(1).max(65_535);
const Asked = z.strictObject({
  scheme: z.enum(["HTTP", "HTTPS"]).default("HTTP"),
  http: z
    .strictObject({
      port,
      path: z.string().max(4096),
      headers: z
        .array(z.tuple([z.string(), z.string()]))
        .max(64)
        .default([]),
    })
    .optional(),
  tcp: z.strictObject({ port }).optional(),
  grpc: z.strictObject({ port, service: z.string().max(256) }).optional(),
  timeoutMs: z.number().int().min(100).max(60_000),
});
type Asked = z.infer<typeof Asked>;
const Probes = z.strictObject({ readiness: Asked.optional(), liveness: Asked.optional() });
export type Probes = z.infer<typeof Probes>;

/** LOCUM_PROBES: what the kubelet would have asked the model before injection. @throws Fault config-invalid */
export function readProbes(text: string | undefined): Probes {
  if (text === undefined || text === "") return {};
  try {
    return Probes.parse(JSON.parse(text));
  } catch (cause) {
    throw new Fault("config-invalid", "LOCUM_PROBES: expected the probes that injection wrote", { cause });
  }
}

/**
 * Answers /probe/readiness and /probe/liveness on the control port in the model's place: asks the model as the kubelet
 * would, over loopback and within the kubelet's time. Readiness also needs what this sidecar knows itself; liveness is
 * the model's word alone, so that a verdict of ours never restarts a model that is being repaired.
 */
export function answerProbes(control: Server, probes: Probes, report: () => Report): void {
  if (!probes.readiness && !probes.liveness) return;
  const others = control.listeners("request") as ((
    request: IncomingMessage,
    response: ServerResponse,
  ) => void)[];
  control.removeAllListeners("request");
  const running = new Map<Asked, Promise<string | null>>();
  // Whoever asks while a question is under way gets its answer: the model is asked one at a time, whoever calls.
  const once = (asked: Asked): Promise<string | null> => {
    const answer = running.get(asked) ?? ask(asked).finally(() => running.delete(asked));
    running.set(asked, answer);
    return answer;
  };
  control.on("request", (request, response) => {
    const kind = kindOf(request.url);
    const asked = kind && probes[kind];
    if (!asked) {
      for (const answer of others) answer(request, response);
      return;
    }
    const held = kind === "readiness" ? heldBack(report()) : null;
    void (held === null ? once(asked) : Promise.resolve(held)).then((problem) => {
      response.writeHead(problem === null ? 200 : 503, {
        "content-type": "text/plain",
        "cache-control": "no-store",
      });
      response.end(`${problem ?? "ok"}\n`);
    });
  });
}

const kindOf = (url: string | undefined): keyof Probes | null =>
  url === "/probe/readiness" ? "readiness" : url === "/probe/liveness" ? "liveness" : null;

/** Why no new request may come here, whatever the model says; null where none of that is known. */
function heldBack({ role, diverted, verdict }: Report): string | null {
  if (role === "fenced") return "fenced";
  if (diverted) return verdict.kind === "failed" ? `diverted: ${verdict.failure}` : "diverted";
  return null;
}

/** Null where the model answers as the kubelet wants it, else what was wrong. */
export function ask(asked: Asked): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const timer = setTimeout(() => resolve(`no answer within ${asked.timeoutMs} ms`), asked.timeoutMs);
  const end = asked.http
    ? askHttp(asked, resolve)
    : asked.tcp
      ? askTcp(asked.tcp.port, resolve)
      : askGrpc(asked.grpc ?? { port: 0, service: "" }, resolve);
  return promise.finally(() => {
    clearTimeout(timer);
    end();
  });
}

type Say = (problem: string | null) => void;
const host = "127.0.0.1";

/** As the kubelet: 200 to 399 is well, redirects are not followed off the host, certificates are not verified. */
function askHttp({ http, scheme }: Asked, say: Say): () => void {
  if (!http) return () => undefined;
  const send = scheme === "HTTPS" ? requestHttps : requestHttp;
  const headers = Object.fromEntries(http.headers);
  try {
    const request = send(
      { host, port: http.port, path: http.path, headers, rejectUnauthorized: false, agent: false },
      (response) => {
        const { statusCode = 0 } = response;
        response.resume();
        say(statusCode >= 200 && statusCode < 400 ? null : `status ${statusCode}`);
      },
    );
    request.on("error", (error) => say(error.message));
    request.end();
    return () => void request.destroy();
  } catch (error) {
    say((error as Error).message);
    return () => undefined;
  }
}

function askTcp(to: number, say: Say): () => void {
  const socket = connectTcp({ host, port: to }, () => say(null));
  socket.on("error", (error) => say(error.message));
  return () => void socket.destroy();
}

/** grpc.health.v1.Health/Check: one short message each way, too little to load a gRPC library for. */
function askGrpc({ port: to, service }: { port: number; service: string }, say: Say): () => void {
  const session = connectHttp2(`http://${host}:${to}`);
  session.on("error", (error) => say(error.message));
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", (error) => say(error.message));
  let answer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    if (answer.length < 64) answer = Buffer.concat([answer, chunk]);
  });
  // Field 1 of the answer, SERVING = 1, behind the five bytes of its frame.
  stream.on("end", () => say(answer.subarray(5).toString("hex") === "0801" ? null : "not SERVING"));
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([10]), varint(name.length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
  return () => void session.destroy();
}

const varint = (value: number): Buffer =>
  Buffer.from(value < 128 ? [value] : [(value & 127) | 128, value >> 7]);
