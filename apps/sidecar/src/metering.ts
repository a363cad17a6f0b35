import type { Report } from "@locum/contracts";
import type { MetricFamily, Metrics } from "@locum/runtime";
import type { SnapshotKeeper } from "./snapshots/snapshot-keeper.ts";
import { createSnapshotMeter } from "./snapshots/snapshot-meter.ts";
import type { TapEvent } from "./tap/tap-event.ts";
import type { StreamPace } from "./traffic.ts";

export type Metering = {
  observe(event: TapEvent): void;
  golden(outcome: string, latencyMs: number): void;
  act(kind: string, outcome: string): void;
  inputFinding(rule: string): void;
  stalled(ms: number): void;
  /** Everything counted, with the gauges as they are now. */
  families(report: Report, now: MeteredNow): MetricFamily[];
};

/** What stands beside the report. */
export type MeteredNow = {
  pump: { waiting(): number };
  pace: StreamPace;
  witnessing: { view(): { refused: string | null } | null };
  /** Null where no inference is recorded. */
  inferences: { stats(): { waiting: number; stagedBytes: number; refused: number } } | null;
  /** Null where no snapshots are taken into a repository. */
  snapshots: Pick<SnapshotKeeper, "view"> | null;
};

const verdicts = ["unknown", "healthy", "suspect", "failed"] as const;

/** What /metrics and the export show: counts, times and states. No names of clients, no payloads. */
export function createMetering(metrics: Metrics): Metering {
  const requests = metrics.counter("locum.tap.requests", { help: "Requests of clients, by outcome" });
  const latency = metrics.histogram("locum.tap.latency", {
    help: "From the first byte of a request to the end of its answer",
    unit: "ms",
  });
  const tries = metrics.counter("locum.tap.tries", { help: "Tries at one instance, by outcome" });
  const goldens = metrics.counter("locum.golden.answers", { help: "Goldens asked, by outcome" });
  const goldenLatency = metrics.histogram("locum.golden.latency", { help: "Time of one golden", unit: "ms" });
  const acts = metrics.counter("locum.acts", { help: "Acts performed, by kind and outcome" });
  const inputs = metrics.counter("locum.input.findings", {
    help: "Inputs that break a rule (observed only)",
  });
  const stalls = metrics.counter("locum.sidecar.stalled", {
    help: "Time that this process stood still",
    unit: "ms",
  });
  const gauge = (name: string, help: string, unit: "1" | "ms" = "1") =>
    metrics.gauge(`locum.instance.${name}`, { help, unit });
  const verdict = gauge("verdict", "1 for the verdict that holds");
  const models = {
    verdict: metrics.gauge("locum.model.verdict", { help: "1 for the verdict that holds of one model" }),
    fit: metrics.gauge("locum.model.fit", { help: "1 while this model is proven fresh here" }),
  };
  const figures = {
    epoch: gauge("epoch", "Highest epoch seen"),
    fit: gauge("fit", "1 while proven fresh and nothing suspect"),
    diverted: gauge("diverted", "1 while new requests go elsewhere"),
    inflight: gauge("inflight", "Requests that the own server holds"),
    active: gauge("active", "1 while active"),
    provenAge: gauge("proven_age", "Since the whole set of goldens passed", "ms"),
    quiet: gauge("quiet", "Since the model files were written", "ms"),
    firstToken: gauge("first_token", "From the end of a request to the first token of its stream", "ms"),
    tokenGap: gauge("token_gap", "Between two tokens of a stream", "ms"),
    spool: gauge("spool_waiting", "Audit events that the collector has not on disk"),
    witness: gauge("witness_refusing", "1 while the audit log is not the one that this sidecar saw"),
    records: gauge(
      "inference_records",
      "Inference records that wait, bytes of them on disk, and those refused",
    ),
  };
  const meterSnapshots = createSnapshotMeter(metrics);
  return {
    observe(event) {
      if (event.kind === "finished") {
        requests.add(1, { outcome: outcomeOf(event), resent: event.resent });
        latency.observe(event.ms);
      } else if (event.kind === "outcome") tries.add(1, { outcome: event.outcome, own: event.own });
    },
    golden(outcome, latencyMs) {
      goldens.add(1, { outcome });
      if (outcome === "answered") goldenLatency.observe(latencyMs);
    },
    act: (kind, outcome) => acts.add(1, { kind, outcome }),
    inputFinding: (rule) => inputs.add(1, { rule }),
    stalled: (ms) => stalls.add(ms),
    families(report, { pump, pace, witnessing, inferences, snapshots }) {
      for (const kind of verdicts) verdict.set(report.verdict.kind === kind ? 1 : 0, { verdict: kind });
      figures.epoch.set(report.epoch);
      figures.fit.set(report.fit ? 1 : 0);
      figures.diverted.set(report.diverted ? 1 : 0);
      figures.inflight.set(report.inflight);
      figures.active.set(report.role === "active" ? 1 : 0);
      if (report.provenAgeMs !== null) figures.provenAge.set(report.provenAgeMs);
      figures.quiet.set(report.quietMs);
      figures.spool.set(pump.waiting());
      figures.witness.set(witnessing.view()?.refused ? 1 : 0);
      for (const [of, value] of Object.entries(inferences?.stats() ?? {})) figures.records.set(value, { of });
      if (snapshots) meterSnapshots(snapshots.view());
      for (const quantile of ["p50", "p99"] as const) {
        if (pace.firstTokenMs.p99 > 0) figures.firstToken.set(pace.firstTokenMs[quantile], { quantile });
        if (pace.tokenGapMs.p99 > 0) figures.tokenGap.set(pace.tokenGapMs[quantile], { quantile });
      }
      for (const [model, { verdict: own, fit }] of Object.entries(report.models ?? {})) {
        for (const kind of verdicts) models.verdict.set(own.kind === kind ? 1 : 0, { model, verdict: kind });
        models.fit.set(fit ? 1 : 0, { model });
      }
      return metrics.families();
    },
  };
}

function outcomeOf({ whole, status }: Extract<TapEvent, { kind: "finished" }>): string {
  if (status === 0) return "none";
  if (!whole) return "cut";
  return `${Math.floor(status / 100)}xx`;
}
