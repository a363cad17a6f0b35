import type { Dashboard } from "../model.ts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";

/** What there is to look at. */
export const dashboardsPage = (
  dashboards: readonly Dashboard[],
): Html => html`<div class="title"><h1>Dashboards</h1></div>
<div class="tiles">
${dashboards.map(
  ({
    id,
    title,
    about,
  }) => html`<section><h2><a href="${link(["dashboards", id])}">${title}</a></h2><p>${about}</p></section>
`,
)}</div>
<p class="quiet">The same are written for Kibana, OpenSearch Dashboards and Grafana from one model.</p>
`;
