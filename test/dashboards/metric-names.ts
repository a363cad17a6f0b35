import { serviceConfig, startTestCollector } from "@locum/collector/collector-fixture";
import { newTestRepository } from "@locum/collector/repository-fixture";
import { createMetrics, renderPrometheus } from "@locum/runtime";
import { createMetering } from "@locum/sidecar/metering";

/** What /metrics of a collector and of a sidecar have: each sample's name, and the labels of the samples there are. */
export async function metricNames(): Promise<Map<string, Set<string>>> {
  const repository = await newTestRepository();
  await repository.commit();
  const service = serviceConfig({ collector: { repositories: [repository.config()] } });
  const collector = await startTestCollector({ service });
  try {
    const headers = { authorization: `Bearer ${collector.token("viewer")}` };
    for (;;) {
      const answer = await fetch(`${collector.url}/metrics`, { headers });
      if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
      const text = await answer.text();
      // The first snapshot is drilled at once; until then nothing is known of it.
      if (/^locum_repository_rpo_age\S* \d/m.test(text)) return namesIn(`${text}${sidecarText()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await collector.close();
    repository.close();
  }
}

function sidecarText(): string {
  const metering = createMetering(createMetrics());
  metering.inputFinding("shape");
  const verdict = { kind: "healthy" };
  const report = { verdict, models: {}, provenAgeMs: 1, quietMs: 1, epoch: 1, inflight: 0 };
  const pace = { firstTokenMs: { p50: 1, p99: 1 }, tokenGapMs: { p50: 1, p99: 1 } };
  const now = {
    pump: { waiting: () => 3 },
    pace,
    witnessing: { view: () => null },
    inferences: { stats: () => ({ waiting: 1, stagedBytes: 1, refused: 1 }) },
  };
  return renderPrometheus(metering.families(report as never, now as never));
}

function namesIn(text: string): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)/.exec(line);
    if (type?.[1]) {
      const suffixes = type[2] === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      for (const suffix of suffixes) names.set(type[1] + suffix, names.get(type[1] + suffix) ?? new Set());
    }
    const sample = /^([a-z]\w*)(?:\{(.*)\})? \S+$/.exec(line);
    for (const [, label = ""] of sample?.[2]?.matchAll(/(\w+)="/g) ?? [])
      names.get(sample?.[1] ?? "")?.add(label);
  }
  return names;
}
