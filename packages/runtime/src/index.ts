export { removeDrafts, writeFileAtomic } from "./atomic-file.ts";
export { checkCertificate, type Pem } from "./check-certificate.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type Closer, closeServer, drain, firstSignal } from "./drain.ts";
export { type FlagSpec, type Flags, parseFlags } from "./flags.ts";
export { followCertificate } from "./follow-certificate.ts";
export { type JsonAnswer, requestJson } from "./http-json.ts";
export { openKeyFile } from "./key-file.ts";
export { listen } from "./listen.ts";
export { createLog, type Log, type LogLevel, logFields } from "./log.ts";
export { createLoopLag, type LoopLag } from "./loop-lag.ts";
export {
  createMetrics,
  type HistogramValue,
  type Labels,
  latencyBounds,
  type MetricFamily,
  type Metrics,
  type MetricUnit,
} from "./metrics.ts";
export { programOnPath } from "./program-on-path.ts";
export { prometheusContentType, renderPrometheus } from "./prometheus.ts";
export { createRandom, type Random, systemRandom } from "./random.ts";
export { backoffMs, retry } from "./retry.ts";
export { parseTimetable, schedule, type Timetable } from "./schedule.ts";
export { readSecretFile, readTextFile } from "./secret-file.ts";
export { createTelemetry, type Telemetry } from "./telemetry.ts";
export { assertFilter, type TelemetryFilter } from "./telemetry-filter.ts";
