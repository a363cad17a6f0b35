/** What one attribute may say. There is no rule for free text: nothing that a client wrote can pass. */
export type AttributeRule = { kind: "one-of"; values: readonly string[] } | { kind: "boolean" };

export type MetricRule = {
  description: string;
  unit: string;
  attributes: Readonly<Record<string, AttributeRule>>;
};

export type TelemetrySchema = {
  metrics: Readonly<Record<string, MetricRule>>;
  /** Names of things that the operator chose: bounded in form and length. */
  resource: readonly string[];
};

const oneOf = (...values: string[]): AttributeRule => ({ kind: "one-of", values });
const metric = (description: string, unit = "1", attributes: MetricRule["attributes"] = {}): MetricRule => ({
  description,
  unit,
  attributes,
});
const tries = oneOf(
  "ok",
  "status5xx",
  "refused",
  "reset",
  "timeout",
  "not-finite",
  "truncated",
  "client-gone",
  "diverted",
  "constant",
  "empty",
  "flood",
  "malformed",
  "wrong-finish",
  "wrong-model",
  "stalled",
);
const quantile = { quantile: oneOf("p50", "p99") };

/** Everything that may leave a sidecar by OpenTelemetry. A field that is not named here does not exist outside. */
export const telemetrySchema: TelemetrySchema = {
  resource: ["service.name", "service.instance.id", "service.version"],
  metrics: {
    "locum.tap.requests": metric("Requests of clients, by outcome", "1", {
      outcome: oneOf("none", "cut", "1xx", "2xx", "3xx", "4xx", "5xx"),
      resent: { kind: "boolean" },
    }),
    "locum.tap.latency": metric("From the first byte of a request to the end of its answer", "ms"),
    "locum.tap.tries": metric("Tries at one instance, by outcome", "1", {
      outcome: tries,
      own: { kind: "boolean" },
    }),
    "locum.golden.answers": metric("Goldens asked, by outcome", "1", {
      outcome: oneOf("answered", "timeout", "error", "refused", "not-finite", "cached"),
    }),
    "locum.golden.latency": metric("Time of one golden", "ms"),
    "locum.acts": metric("Acts performed, by kind and outcome", "1", {
      kind: oneOf("fence", "prepare", "promote", "demote", "restore", "reload", "restart", "drain", "drill"),
      outcome: oneOf("done", "refused", "failed"),
    }),
    "locum.input.findings": metric("Inputs that break a rule", "1", {
      rule: oneOf("name", "datatype", "shape", "count", "finite", "size", "undecodable"),
    }),
    "locum.sidecar.stalled": metric("Time that the sidecar stood still", "ms"),
    "locum.instance.verdict": metric("1 for the verdict that holds", "1", {
      verdict: oneOf("unknown", "healthy", "suspect", "failed"),
    }),
    "locum.instance.epoch": metric("Highest epoch seen"),
    "locum.instance.fit": metric("1 while proven fresh and nothing suspect"),
    "locum.instance.diverted": metric("1 while new requests go elsewhere"),
    "locum.instance.inflight": metric("Requests that the own server holds"),
    "locum.instance.active": metric("1 while active"),
    "locum.instance.proven_age": metric("Since the whole set of goldens passed", "ms"),
    "locum.instance.quiet": metric("Since the model files were written", "ms"),
    "locum.instance.first_token": metric("From a request's end to its first token", "ms", quantile),
    "locum.instance.token_gap": metric("Between two tokens of a stream", "ms", quantile),
    "locum.instance.spool_waiting": metric("Audit events that the collector has not on disk"),
    "locum.instance.witness_refusing": metric("1 while the audit log is not the one that was seen"),
    "locum.instance.inference_records": metric("Inference records that wait, and those refused", "1", {
      of: oneOf("waiting", "stagedBytes", "refused"),
    }),
  },
};
