import { type Html, type HtmlValue, html } from "./html.ts";

export type Column<Row> = {
  head: string;
  cell: (row: Row) => HtmlValue;
  number?: boolean;
};

/** Beyond so many columns it needs more room. */
const wideMin = 7;

/**
 * A table that becomes a list of cards where there is little room: each cell carries its column's name for that.
 * Where there is no row, it says why.
 */
export function table<Row>({
  caption,
  columns,
  rows,
  empty,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  empty: string;
}): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>\n`;
  const heads = columns.map(
    ({ head, number }) => html`<th scope="col"${number && html` class="number"`}>${head}</th>`,
  );
  const lines = rows.map(
    (row) =>
      html`<tr>${columns.map(
        ({ head, cell, number }) =>
          html`<td data-label="${head}"${number && html` class="number"`}>${cell(row)}</td>`,
      )}</tr>\n`,
  );
  return html`<div class="fit"><table class="cards${columns.length > wideMin && " wide"}">
<caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${lines}</tbody>
</table></div>
`;
}
