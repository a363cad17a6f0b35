import { inject, injectConfig, injectText, isWorkload, patchPod, podOf } from "@locum/injection";
import { diceOf } from "@locum/injection/dice";
import { someManifest } from "@locum/injection/some-manifest";
import { writeYaml } from "@locum/injection/write-yaml";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { quantile } from "./quantile.ts";
import { table } from "./table.ts";

const objectiveMs = 2000;

/** A thousand different pods, injected as the webhook and as the command line do it; the median of some rounds. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const rounds = typeof flags.rounds === "number" ? flags.rounds : 5;
  const config = injectConfig({ kubeletMin: "1.34", collector: { url: "https://collector.locum:8443" } });
  const pods = Array.from({ length: 1000 }, (_, seed) => {
    const dice = diceOf(seed);
    const object = someManifest(dice);
    return { pod: isWorkload(object) ? podOf(object) : null, text: writeYaml(object, dice) };
  }).flatMap(({ pod, text }) => (pod ? [{ pod, text }] : []));
  const ways: Record<string, () => void> = {
    "inject()": () => {
      for (const { pod } of pods) inject({ pod: pod.spec, meta: pod.metadata, config });
    },
    "webhook's patch": () => {
      for (const { pod } of pods) patchPod(pod, { config });
    },
    "text of each": () => {
      for (const { text } of pods) injectText(text, config);
    },
  };
  const rows = Object.entries(ways).map(([way, act]) => {
    const times = Array.from({ length: rounds }, () => {
      const startMs = performance.now();
      act();
      return performance.now() - startMs;
    });
    const row = { way, pods: pods.length, medianMs: Math.round(quantile(times, 0.5)) };
    emit({ kind: "way", ...row });
    return row;
  });
  print(
    table(
      ["way", "pods", "ms (median)"],
      rows.map(({ way, pods: count, medianMs }) => [way, count, medianMs]),
    ),
  );
  return { rows, objectiveMs, objectivesMet: rows.every(({ medianMs }) => medianMs < objectiveMs) };
}
