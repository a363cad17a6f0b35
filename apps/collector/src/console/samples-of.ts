import type { Sample } from "@locum/dashboards/pages";
import { type MetricFamily, renderPrometheus } from "@locum/runtime";

/** The figures of /metrics under the names that Prometheus knows them by, read from what it would read. */
export const samplesOf = (families: readonly MetricFamily[]): Sample[] =>
  renderPrometheus(families)
    .split("\n")
    .flatMap((line) => {
      const [, name, labels = "", value] = /^([a-z_:]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      return name === undefined ? [] : [{ name, labels: labelsOf(labels), value: Number(value) }];
    });

const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter)),
    ]),
  );
