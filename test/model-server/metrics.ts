type Counts = { success: number; failure: number; inferences: number };

export type Metrics = {
  count(model: string, version: string, outcome: "success" | "failure", inferences: number): void;
  text(): string;
};

/** Counters per model under Triton's names, in Prometheus' text format. */
export function openMetrics(): Metrics {
  const byModel = new Map<string, Counts>();
  return {
    count(model, version, outcome, inferences) {
      const labels = `model="${escaped(model)}",version="${escaped(version)}"`;
      const counts = byModel.get(labels) ?? { success: 0, failure: 0, inferences: 0 };
      byModel.set(labels, counts);
      counts[outcome]++;
      counts.inferences += inferences;
    },
    text: () =>
      [
        family("nv_inference_request_success", "Inference requests that were answered", byModel, "success"),
        family("nv_inference_request_failure", "Inference requests that failed", byModel, "failure"),
        family("nv_inference_count", "Inferences, a batch of n counts n", byModel, "inferences"),
      ].join(""),
  };
}

function family(name: string, help: string, byModel: Map<string, Counts>, key: keyof Counts): string {
  const lines = Array.from(byModel, ([labels, counts]) => `${name}{${labels}} ${counts[key]}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${lines.join("")}`;
}

function escaped(label: string): string {
  return label.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
}
