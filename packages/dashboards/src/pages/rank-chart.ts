import { type Html, html } from "./html.ts";
import { shareBar } from "./share-bar.ts";
import { numberText } from "./shown.ts";

export type Rank = { name: string; count: number; href?: string };

/** Values by how often they are, as bars beside their names: a table that can be read aloud. */
export function rankChart({
  title,
  ranks,
  unit = "records",
}: {
  title: string;
  ranks: readonly Rank[];
  unit?: string;
}): Html {
  const most = Math.max(...ranks.map(({ count }) => count), 0);
  return html`<table class="ranks">
<caption>${title}</caption>
<thead class="hidden-text"><tr><th scope="col">Value</th><th scope="col">Share of the greatest</th><th scope="col">${unit}</th></tr></thead>
<tbody>
${ranks.map(
  ({
    name,
    count,
    href,
  }) => html`<tr><td class="name">${href === undefined ? name : html`<a href="${href}">${name}</a>`}</td>
<td>${shareBar(most === 0 ? 0 : count / most, `${numberText(count)} ${unit}`)}</td><td class="number">${numberText(count)}</td></tr>
`,
)}</tbody>
</table>
`;
}
