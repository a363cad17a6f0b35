import type { Fault } from "@locum/contracts";
import { type Html, html } from "./html.ts";

/** A fault where a page was asked for. */
export const faultPage = ({ code, message, hint }: Fault): Html => html`<section>
<p class="eyebrow">${code}</p>
<h1>${message}</h1>
<p>${hint}</p>
<p><a href="/">To the fleet</a></p>
</section>
`;
