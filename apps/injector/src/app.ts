import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Fault } from "@locum/contracts";
import { type InjectConfig, webhookNames } from "@locum/injection";
import { type Log, prometheusContentType, renderPrometheus } from "@locum/runtime";
import type { AdmissionAnswer } from "./admission-review.ts";
import { answerDefect, answerReview, uidOf } from "./answer-review.ts";
import { createCounts } from "./counts.ts";
import { misfit, pathOf } from "./misfit.ts";
import { readBody } from "./read-body.ts";

export type Problem = {
  code: "draining" | "no-certificate" | "certificate-expired" | "not-trusted";
  detail: string;
};
export type AppDeps = {
  inject: InjectConfig;
  /** What stands against being ready; nothing when ready. */
  problems: () => readonly Problem[];
  /** Until the certificate that is served ends; null where there is none. */
  certificateLeftMs: () => number | null;
  /** True once the process is to end: connections are then asked to close behind their answer. */
  draining: () => boolean;
  clock: { monotonicMs(): number };
  log: Log;
};

const bodyBytesMax = 8 * 1024 * 1024;
/** Of all reviews at once: many large ones must not be the end of the process. */
const bodiesBytesMax = 64 * 1024 * 1024;

/** Two listeners, which listen nowhere yet: the webhook, for the API server, and the probes, for kubelet and metrics. */
export function createApp(deps: AppDeps): { webhook: RequestListener; probes: RequestListener } {
  const counts = createCounts(deps);
  const { podWebhook, namespaceWebhook } = webhookNames;
  // Which of our two webhooks asks is told by the path alone: a review does not carry the namespace's labels.
  const configs: Record<string, InjectConfig> = {
    [podWebhook.path]: deps.inject,
    [namespaceWebhook.path]: { ...deps.inject, namespaceInject: true },
  };
  let bytesLeft = bodiesBytesMax;

  async function webhook(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const beganMs = deps.clock.monotonicMs();
    const reserved = Number(request.headers["content-length"] ?? bodyBytesMax);
    const found = misfit(request, { paths: Object.keys(configs), bytesMax: bodyBytesMax });
    if (found) return refuse(request, response, found);
    if (reserved > bytesLeft)
      return refuse(request, response, { status: 503, message: "expected fewer large reviews at once" });
    bytesLeft -= reserved;
    try {
      const config = configs[pathOf(request.url)] ?? deps.inject;
      const answer = review(await readBody(request, bodyBytesMax), config);
      sendJson(response, 200, answer, { close: deps.draining() });
    } catch (error) {
      if (error instanceof Fault) {
        const status = error.code === "body-too-large" ? 413 : 400;
        return refuse(request, response, { status, message: `${error.message}. ${error.hint}` });
      }
      // A client that goes away in the middle of its own request; there is nobody to answer.
      request.destroy();
    } finally {
      bytesLeft += reserved;
      counts.took(deps.clock.monotonicMs() - beganMs);
    }
  }

  function review(text: string, config: InjectConfig): AdmissionAnswer {
    const value = parseJson(text);
    try {
      const { answer, outcome } = answerReview(value, config);
      counts.reviewed(outcome);
      return answer;
    } catch (error) {
      if (error instanceof Fault) throw error;
      counts.reviewed({ kind: "defect" });
      deps.log("error", "a pod was not injected: a defect of the injector", { error });
      return answerDefect(uidOf(value));
    }
  }

  function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    { status, message }: { status: number; message: string },
  ): void {
    counts.refused(status);
    // The rest of a body that is not read stands in the way of another request on this connection.
    sendJson(response, status, { message }, { close: !request.complete || deps.draining() });
  }

  const probes: RequestListener = (request, response) => {
    request.resume();
    const path = pathOf(request.url);
    if (path === "/livez") return sendJson(response, 200, { live: true });
    if (path === "/readyz") {
      const problems = deps.problems();
      return sendJson(response, problems.length === 0 ? 200 : 503, {
        ready: problems.length === 0,
        problems,
      });
    }
    if (path === "/metrics") {
      response.writeHead(200, { "content-type": prometheusContentType });
      return void response.end(renderPrometheus(counts.families()));
    }
    return sendJson(response, 404, { message: "expected /livez, /readyz or /metrics" });
  };
  return { webhook: (request, response) => void webhook(request, response), probes };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault("request-invalid", "the body is no JSON", {
      hint: "Expected an AdmissionReview of admission.k8s.io/v1.",
      cause,
    });
  }
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  { close = false }: { close?: boolean } = {},
): void {
  // As a text, and not as bytes, it goes out with its head in one record of TLS.
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...(close ? { connection: "close" } : {}),
  });
  response.end(text);
}
