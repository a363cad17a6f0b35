import type { AuditAnswer } from "@locum/contracts";
import type { Dashboard } from "../model.ts";
import type { View } from "../panel-search.ts";
import type { Sample } from "./current-figures.ts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";
import { pageTitle } from "./page-title.ts";
import { panelBody } from "./panel-body.ts";
import { prose } from "./prose.ts";
import { type Span, spans } from "./spans.ts";

/** A dashboard of the model, with the answers to its panels' questions. */
export function dashboardPage({
  dashboard,
  span,
  view,
  answers,
  samples,
}: {
  dashboard: Dashboard;
  span: Span;
  view: View;
  answers: ReadonlyMap<string, AuditAnswer>;
  samples: readonly Sample[];
}): Html {
  const { id, title, about, missing, panels } = dashboard;
  const [spanText] = spans[span];
  return html`${pageTitle(title, view.toMs)}<p class="lead">${prose(about)}</p>
<nav class="pages" aria-label="Time">${(Object.keys(spans) as Span[]).map(
    (one) =>
      html`<a class="button" href="${link(["dashboards", id], { span: one })}"${one === span && html` aria-current="true"`}>${spans[one][0].replace("the ", "")}</a>`,
  )}</nav>
<div id="live">
${missing !== undefined && html`<p class="empty"><b>Missing:</b> ${prose(missing)}</p>\n`}<div class="panels">
${panels.map(
  ({
    id: panel,
    title: name,
    about: why,
    width,
    source,
  }) => html`<section class="w${width}" id="panel-${panel}">
<h2>${name}</h2>
${panelBody(source, answers.get(panel), { title: name, view, spanText, samples })}${why !== undefined && html`<p class="quiet">${prose(why)}</p>\n`}</section>
`,
)}</div>
</div>
`;
}
