import type { Dashboard, Panel } from "../model.ts";

/**
 * The panels of a dashboard for a rendition that asks the audit stream only. It says which figures are elsewhere, and
 * what the dashboard does not show at all.
 */
export function withoutMetrics({ panels, about, missing }: Dashboard): Panel[] {
  const drawn = panels.filter(({ source }) => source.kind !== "metric");
  const left = panels.filter(({ source }) => source.kind === "metric").map(({ title }) => title);
  const sentences = [
    about,
    ...(missing ? [`**Not shown yet:** ${missing}`] : []),
    ...(left.length > 0
      ? [`**Drawn by Grafana and by the collector's own pages:** ${left.join("; ")}.`]
      : []),
  ];
  return [
    {
      id: "about",
      title: "About this dashboard",
      width: 12,
      source: { kind: "note", text: sentences.join("\n\n") },
    },
    ...drawn,
  ];
}
