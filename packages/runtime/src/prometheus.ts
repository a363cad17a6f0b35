import type { HistogramValue, Labels, MetricFamily, MetricUnit } from "./metrics.ts";

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Renders metrics in the text format of Prometheus, names as OpenTelemetry's compatibility rules translate them. */
export function renderPrometheus(families: readonly MetricFamily[]): string {
  return families.map(renderFamily).join("");
}

function renderFamily({ name, kind, help, unit, points }: MetricFamily): string {
  const base = `${name.replaceAll(".", "_")}${suffixes[unit]}${kind === "counter" ? "_total" : ""}`;
  const lines = points.flatMap(({ labels, value }) =>
    typeof value === "number" ? [sample(base, labels, value)] : histogramLines(base, labels, value),
  );
  return `# HELP ${base} ${escapeHelp(help)}\n# TYPE ${base} ${kind}\n${lines.map((line) => `${line}\n`).join("")}`;
}

function histogramLines(
  base: string,
  labels: Labels,
  { bounds, counts, sum, count }: HistogramValue,
): string[] {
  let below = 0;
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0;
    return sample(`${base}_bucket`, { ...labels, le: number(bound) }, below);
  });
  return [
    ...buckets,
    sample(`${base}_bucket`, { ...labels, le: "+Inf" }, count),
    sample(`${base}_sum`, labels, sum),
    sample(`${base}_count`, labels, count),
  ];
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(
    ([key, label]) =>
      `${key.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_")}="${escapeLabel(String(label))}"`,
  );
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${number(value)}`;
}

const suffixes: Record<MetricUnit, string> = { "1": "", ms: "_milliseconds", s: "_seconds", By: "_bytes" };

const number = (value: number): string =>
  Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');
