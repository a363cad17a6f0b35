import { type Html, html } from "./html.ts";

/** A bar from nothing to all of it. Its width is an attribute: the pages allow no inline style. */
export function shareBar(share: number, label: string): Html {
  const width = Math.round(Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * 1000) / 10;
  return html`<svg class="share-bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="${label}"><rect class="rail" width="100" height="6"/><rect class="part" width="${width}" height="6"/></svg>`;
}
