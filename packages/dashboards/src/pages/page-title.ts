import { type Html, html } from "./html.ts";
import { timeOf } from "./shown.ts";

/** The head of a page that is a picture of a moment; the island `live` says there whether it stays up to date. */
export const pageTitle = (title: string, nowMs: number): Html => html`<div class="title"><h1>${title}</h1>
<p class="meta"><span id="live-state" role="status">as of ${timeOf(nowMs)} UTC</span></p></div>
`;
