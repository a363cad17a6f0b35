import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { firstCount } from "../http/first-count.ts";
import { type CounterGroup, metricsBytesMax, prometheusCount } from "../http/prometheus-count.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions } from "../model-server.ts";

/** Counters of finished inferences, by server: Triton and Locum's test server, MLServer in its two places, KServe. */
const groups: readonly CounterGroup[] = [
  { families: ["nv_inference_request_success", "nv_inference_request_failure"] },
  { families: ["model_infer_request_success_total", "model_infer_request_failure_total"] },
  { families: ["rest_server_requests_total"], label: '/infer"' },
  { families: ["request_predict_seconds_count"] },
];

/**
 * The server's own count, from its metrics, else from Triton's statistics route, which is on the API's port where
 * its metrics are not.
 */
export function openProgress(
  ask: Ask,
  metricsUrl: string | undefined,
): (options: CallOptions) => Promise<number | undefined> {
  return firstCount([prometheusCount(ask, metricsUrl ?? "/metrics", groups), fromStatistics(ask)]);
}

function fromStatistics(ask: Ask) {
  return async (options: CallOptions): Promise<number | undefined> => {
    const path = "/v2/models/stats";
    const said = await askJson(ask, { ...options, path, answerBytesMax: metricsBytesMax }).catch(
      () => undefined,
    );
    if (!isObject(said) || !Array.isArray(said.model_stats)) return undefined;
    let count = 0;
    for (const model of said.model_stats) {
      const stats = isObject(model) && isObject(model.inference_stats) ? model.inference_stats : {};
      for (const part of [stats.success, stats.fail]) count += isObject(part) ? Number(part.count) : 0;
    }
    return finite(count);
  };
}

function finite(count: number): number | undefined {
  return Number.isFinite(count) && count >= 0 ? count : undefined;
}
