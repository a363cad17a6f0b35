import { type Html, html } from "./html.ts";

/** A sentence of the model, in which what is typed stands between backquotes. */
export const prose = (text: string): Html =>
  html`${text.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`;
