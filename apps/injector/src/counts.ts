import { createMetrics, type MetricFamily } from "@locum/runtime";
import type { Outcome } from "./answer-review.ts";

export type Counts = {
  reviewed(outcome: Outcome | { kind: "defect" }): void;
  refused(status: number): void;
  took(ms: number): void;
  families(): MetricFamily[];
};

export function createCounts({
  certificateLeftMs,
}: {
  /** Null where there is no certificate. */
  certificateLeftMs: () => number | null;
}): Counts {
  const metrics = createMetrics();
  const reviews = metrics.counter("locum.injector.reviews", { help: "Reviews answered, by outcome." });
  const declined = metrics.counter("locum.injector.declined", { help: "Pods not injected, by reason." });
  const refused = metrics.counter("locum.injector.refused", {
    help: "Requests that are no review, by status.",
  });
  const duration = metrics.histogram("locum.injector.review.duration", {
    help: "From the head of a request to its answer.",
    unit: "ms",
  });
  const left = metrics.gauge("locum.injector.certificate.left", {
    help: "Until the served certificate ends; below 0 it has.",
    unit: "s",
  });
  return {
    reviewed(outcome) {
      reviews.add(1, { outcome: outcome.kind });
      if (outcome.kind === "declined") declined.add(1, { reason: outcome.reason });
    },
    refused: (status) => refused.add(1, { status }),
    took: (ms) => duration.observe(ms),
    families() {
      const leftMs = certificateLeftMs();
      if (leftMs !== null) left.set(Math.round(leftMs / 1000));
      return metrics.families();
    },
  };
}
