import type { RepositoryView } from "@locum/contracts/client";
import type { Labels, MetricFamily, MetricUnit } from "@locum/runtime";

type Points = MetricFamily["points"];
type Of = (value: (view: RepositoryView) => number | boolean | null | undefined, more?: Labels) => Points;

/** How the snapshots of each service stand. A figure that is not known has no series, and `restorable` is always there. */
export function repositoryFamilies(views: readonly RepositoryView[]): MetricFamily[] {
  const of: Of = (value, more = {}) =>
    views.flatMap((view) => {
      const found = value(view) ?? null;
      return found === null ? [] : [{ labels: { service: view.service, ...more }, value: Number(found) }];
    });
  return [...stateFamilies(of), ...workFamilies(of)];
}

const stateFamilies = (of: Of): MetricFamily[] => [
  gauge(
    "restorable",
    "1 while the newest verified snapshot can be put back",
    of(({ restorable }) => restorable),
  ),
  gauge(
    "reachable",
    "1 while the repository answers",
    of(({ problem }) => problem === null),
  ),
  gauge(
    "rpo_age",
    "since the newest verified snapshot was captured",
    of(({ rpoAgeMs }) => rpoAgeMs),
    "ms",
  ),
  gauge(
    "escrow_age",
    "since the escrow key was proven",
    of(({ escrowAgeMs }) => escrowAgeMs),
    "ms",
  ),
  gauge(
    "escrow_due",
    "1 while that proof is missing or too old",
    of(({ escrowDue }) => escrowDue),
  ),
  gauge(
    "bytes",
    "of the whole repository",
    of(({ bytes }) => bytes),
    "By",
  ),
  gauge(
    "quota",
    "that the repository may have",
    of(({ quotaBytes }) => quotaBytes),
    "By",
  ),
];

function workFamilies(of: Of): MetricFamily[] {
  const stages = (["plan", "fetch", "decode"] as const).flatMap((stage) =>
    of(({ drill }) => drill?.[`${stage}Ms`], { stage }),
  );
  const drillEnded = of(({ drill }) => drill && drill.atMs / 1000);
  const drillPassed = of(({ drill }) => drill && drill.outcome === "passed");
  const scrubEnded = of(({ scrub }) => (scrub?.wholeSinceMs ? scrub.wholeSinceMs / 1000 : null));
  const damaged = of(({ scrub }) => scrub?.damaged.length);
  return [
    gauge("drill.timestamp", "when the last drill ended", drillEnded, "s"),
    gauge("drill.passed", "1 where the last drill passed", drillPassed),
    gauge("drill.stage", "how long a stage of the last drill took", stages, "ms"),
    gauge("scrub.timestamp", "every pack that was there then was read after it", scrubEnded, "s"),
    gauge("damaged", "files that could not be mended", damaged),
  ];
}

const gauge = (name: string, help: string, points: Points, unit: MetricUnit = "1"): MetricFamily => ({
  name: `locum.repository.${name}`,
  kind: "gauge",
  help,
  unit,
  points,
});
