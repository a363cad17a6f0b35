import { createServer, type IncomingMessage, request as plainRequest, type ServerResponse } from "node:http";
import { request as tlsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { inferRoute } from "@locum/serving";
import type { Target } from "../tap/target.ts";
import { withNaN } from "./with-nan.ts";

export type ProxyFault = "nan" | "slow" | "error-rate" | "hang";

const slowMs = 1000;
const errorRatio = 0.8;
const answerBytesMax = 16_777_216;

/**
 * Stands between tap and model server while a drill lasts, and does to inferences what a broken server would do.
 * Everything else passes. When this process dies, so does it: nothing has to be undone then.
 */
export async function startFaultProxy({
  fault,
  target,
  random,
}: {
  fault: ProxyFault;
  target: Target;
  random: { next(): number };
}): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.on("error", () => response.destroy());
    response.on("error", () => request.destroy());
    const isInfer = request.method === "POST" && inferRoute(request.url ?? "") !== undefined;
    if (!isInfer) return pass(target, request, response);
    if (fault === "hang") return void request.resume();
    if (fault === "error-rate" && random.next() < errorRatio) {
      request.resume();
      response.writeHead(500, { "content-type": "application/json" });
      return void response.end('{"error":"drill: error-rate"}');
    }
    if (fault === "slow") return void setTimeout(() => pass(target, request, response), slowMs).unref();
    pass(target, request, response, fault === "nan" ? withNaN : undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Change = (headers: IncomingMessage["headers"], body: Buffer) => Buffer;

function pass(target: Target, request: IncomingMessage, response: ServerResponse, change?: Change): void {
  const { url, headers, ca } = target;
  const send = url.startsWith("https:") ? tlsRequest : plainRequest;
  const sent = send(new URL(request.url ?? "/", url), {
    method: request.method ?? "GET",
    // A compressed answer could not be changed.
    headers: { ...request.headers, host: new URL(url).host, "accept-encoding": "identity", ...headers },
    ...(ca === undefined ? {} : { ca }),
  });
  sent.on("error", () => response.destroy());
  response.on("close", () => sent.destroy());
  sent.on("response", (answer) => {
    if (!change) {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      return void answer.pipe(response);
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > answerBytesMax) sent.destroy();
      else chunks.push(chunk);
    });
    answer.on("end", () => {
      const body = change(answer.headers, Buffer.concat(chunks));
      const { "transfer-encoding": _chunked, ...kept } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, { ...kept, "content-length": body.length });
      response.end(body);
    });
  });
  request.pipe(sent);
}
