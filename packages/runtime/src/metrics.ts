import { assert } from "@locum/contracts";

export type LabelValue = string | number | boolean;
export type Labels = Readonly<Record<string, LabelValue>>;
/** UCUM units as OpenTelemetry writes them; "1" is a plain count. */
export type MetricUnit = "1" | "ms" | "s" | "By";
export type MetricKind = "counter" | "gauge" | "histogram";
export type MetricOptions = { help: string; unit?: MetricUnit };

export type HistogramValue = { bounds: readonly number[]; counts: number[]; sum: number; count: number };
export type MetricFamily = {
  name: string;
  kind: MetricKind;
  help: string;
  unit: MetricUnit;
  points: { labels: Labels; value: number | HistogramValue }[];
};

export type Metrics = {
  counter(name: string, options: MetricOptions): { add(value?: number, labels?: Labels): void };
  gauge(name: string, options: MetricOptions): { set(value: number, labels?: Labels): void };
  histogram(
    name: string,
    options: MetricOptions & { bounds?: readonly number[] },
  ): { observe(value: number, labels?: Labels): void };
  /** Everything counted since the start; the one source of /metrics and of the export. */
  families(): MetricFamily[];
};

/** Latencies in milliseconds: fine where the objectives are (0.2 to 1000), coarse above. */
export const latencyBounds = [
  0.2, 0.5, 1, 2, 5, 10, 25, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 30_000,
];

/**
 * Counts for /metrics and for OpenTelemetry at once, so that a request is measured only once. Names are dotted
 * (`locum.tap.requests`). Asking for a name again gives the same metric. Beyond `seriesMax` label sets a metric
 * counts into one series marked `overflow`, for labels from outside must not fill the memory.
 */
export function createMetrics({ seriesMax = 1000 }: { seriesMax?: number } = {}): Metrics {
  const families = new Map<string, Family>();
  const family = (name: string, kind: MetricKind, { help, unit = "1" }: MetricOptions): Family => {
    assert(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/.test(name), `"${name}" is a metric's dotted name`);
    const known = families.get(name);
    if (known) {
      assert(known.kind === kind && known.unit === unit, `${name} is a ${kind} in ${unit} everywhere`);
      return known;
    }
    const fresh: Family = { name, kind, help, unit, series: new Map() };
    families.set(name, fresh);
    return fresh;
  };
  return {
    counter(name, options) {
      const { series } = family(name, "counter", options);
      return {
        add(value = 1, labels = none) {
          if (!(value >= 0) || value === Number.POSITIVE_INFINITY) return;
          const point = pointOf(series, labels, seriesMax, () => 0);
          point.value = (point.value as number) + value;
        },
      };
    },
    gauge(name, options) {
      const { series } = family(name, "gauge", options);
      return {
        set(value, labels = none) {
          pointOf(series, labels, seriesMax, () => 0).value = value;
        },
      };
    },
    histogram(name, { bounds = latencyBounds, ...options }) {
      const { series } = family(name, "histogram", options);
      const empty = (): HistogramValue => ({
        bounds,
        counts: new Array<number>(bounds.length + 1).fill(0),
        sum: 0,
        count: 0,
      });
      return {
        observe(value, labels = none) {
          if (!Number.isFinite(value)) return;
          const point = pointOf(series, labels, seriesMax, empty).value as HistogramValue;
          const bucket = bounds.findIndex((bound) => value <= bound);
          const at = bucket === -1 ? bounds.length : bucket;
          point.counts[at] = (point.counts[at] ?? 0) + 1;
          point.sum += value;
          point.count += 1;
        },
      };
    },
    families: () =>
      [...families.values()].map(({ series, ...rest }) => ({
        ...rest,
        points: [...series.values()].map(copy),
      })),
  };
}

type Point = { labels: Labels; value: number | HistogramValue };
type Family = Omit<MetricFamily, "points"> & { series: Map<string, Point> };

const none: Labels = {};
const overflow: Labels = { overflow: true };

function pointOf(
  series: Map<string, Point>,
  labels: Labels,
  seriesMax: number,
  empty: () => number | HistogramValue,
): Point {
  const key = keyOf(labels);
  const known = series.get(key);
  if (known) return known;
  const kept = series.size >= seriesMax ? overflow : { ...labels };
  const keptKey = keyOf(kept);
  const point = series.get(keptKey) ?? { labels: kept, value: empty() };
  series.set(keptKey, point);
  return point;
}

function keyOf(labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length === 0) return "";
  if (names.length > 1) names.sort();
  return JSON.stringify(names.map((name) => [name, labels[name]]));
}

const copy = ({ labels, value }: Point): Point => ({
  labels,
  value: typeof value === "number" ? value : { ...value, counts: [...value.counts] },
});
