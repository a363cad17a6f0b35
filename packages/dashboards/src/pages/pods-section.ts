import type { PodsView, PodView } from "@locum/contracts/client";
import { badge } from "./badge.ts";
import { type Html, html } from "./html.ts";
import { type Column, table } from "./table.ts";

const rowsMax = 100;

/** Pods that asked for a sidecar and have none: nobody watches their models. Nothing where there are none. */
export function podsSection({ kubernetes, pods }: PodsView): Html | false {
  const bare = pods.filter(({ injection }) => injection !== "injected");
  if (kubernetes === "off" || bare.length === 0) return false;
  return html`<section id="pods">
<h2>Pods without a sidecar ${badge("alarm", String(bare.length))}</h2>
${kubernetes === "behind" && html`<p class="quiet">The API server is away: this is how it was.</p>\n`}${table(
  {
    caption: "Pods that asked for a sidecar and have none",
    columns,
    rows: bare.slice(0, rowsMax),
    empty: "",
  },
)}${bare.length > rowsMax && html`<p class="quiet">${bare.length - rowsMax} more.</p>\n`}</section>
`;
}

const columns: Column<PodView>[] = [
  { head: "Pod", cell: ({ namespace, pod }) => `${namespace}/${pod}` },
  { head: "Sidecar", cell: ({ injection }) => badge(injection === "missed" ? "bad" : "quiet", injection) },
  { head: "Why", cell: ({ detail }) => detail },
  { head: "Node", cell: ({ node }) => node },
];
