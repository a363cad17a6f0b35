import type { Panel, PanelSource } from "../model.ts";

export type Placed = { panel: Panel; x: number; y: number; w: number; h: number };

/**
 * Panels in rows of 12 columns, as they come. The last of a row takes what is left of it, so that a rendition that
 * leaves some out has no holes.
 */
export function layOut(panels: readonly Panel[], heights: Record<PanelSource["kind"], number>): Placed[] {
  const placed: Placed[] = [];
  let row: Panel[] = [];
  let y = 0;
  const flush = (): void => {
    const h = Math.max(0, ...row.map(({ source }) => heights[source.kind]));
    let x = 0;
    for (const [index, panel] of row.entries()) {
      const w = index === row.length - 1 ? 12 - x : panel.width;
      placed.push({ panel, x, y, w, h });
      x += w;
    }
    y += h;
    row = [];
  };
  for (const panel of panels) {
    if (row.reduce((sum, { width }) => sum + width, panel.width) > 12) flush();
    row.push(panel);
  }
  flush();
  return placed;
}
