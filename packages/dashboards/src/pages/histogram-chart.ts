import { type Html, html } from "./html.ts";
import { isoOf, numberText, timeOf } from "./shown.ts";

export type TimeBucket = { key: number; count: number; by?: readonly { key: string; count: number }[] };

const barsMax = 120;
const seriesMax = 8;
const height = 100;

/**
 * Counts over time as bars, stacked where they are split. `linkOf` makes each bar the way to its own time. What has no
 * bar of its own colour is the last one's.
 */
export function histogramChart({
  title,
  buckets,
  fromMs,
  toMs,
  intervalMs,
  linkOf,
}: {
  title: string;
  buckets: readonly TimeBucket[];
  fromMs: number;
  toMs: number;
  intervalMs: number;
  linkOf?: (fromMs: number, toMs: number) => string;
}): Html {
  const lastMs = Math.floor((toMs - 1) / intervalMs) * intervalMs;
  const wantedMs = Math.floor(fromMs / intervalMs) * intervalMs;
  const firstMs = Math.max(wantedMs, lastMs - (barsMax - 1) * intervalMs);
  const bars = Math.round((lastMs - firstMs) / intervalMs) + 1;
  const shown = buckets.filter(({ key }) => key >= firstMs && key <= lastMs);
  const most = Math.max(1, ...shown.map(({ count }) => count));
  const series = seriesOf(shown);
  const total = shown.reduce((sum, { count }) => sum + count, 0);
  const drawn = shown.map((bucket) => {
    const x = ((bucket.key - firstMs) / intervalMs) * 10;
    const bar = html`<g>${stack(bucket, series, most).map(
      ({ y, high, tone, name, count }) =>
        html`<rect class="${tone}" x="${x + 0.8}" y="${y}" width="8.4" height="${high}"><title>${isoOf(bucket.key)}: ${count} ${name}</title></rect>`,
    )}<rect class="reach" x="${x}" y="0" width="10" height="${height}"><title>${isoOf(bucket.key)}: ${bucket.count}</title></rect></g>`;
    return linkOf
      ? html`<a href="${linkOf(bucket.key, bucket.key + intervalMs)}" aria-label="${bucket.count} from ${isoOf(bucket.key)}">${bar}</a>`
      : bar;
  });
  const label = `${title}: ${total} from ${isoOf(firstMs)} to ${isoOf(lastMs + intervalMs)}, at most ${most} in one bar`;
  return html`<figure class="chart">
<div class="plot"><span class="most" aria-hidden="true">${numberText(most)}</span>
<svg viewBox="0 0 ${bars * 10} ${height}" preserveAspectRatio="none" role="${linkOf ? "group" : "img"}" aria-label="${label}">${drawn}</svg></div>
<div class="ends"><span>${timeOf(firstMs)}</span><span>${timeOf(lastMs + intervalMs)} UTC</span></div>
${series.length > 1 && legend(series)}${firstMs > wantedMs && html`<p class="quiet">Records before that are not drawn.</p>`}</figure>
`;
}

/** The most frequent values; the rest are one. */
function seriesOf(buckets: readonly TimeBucket[]): string[] {
  const totals = new Map<string, number>();
  for (const { by = [] } of buckets)
    for (const { key, count } of by) totals.set(key, (totals.get(key) ?? 0) + count);
  const names = [...totals].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  return names.length <= seriesMax ? names : [...names.slice(0, seriesMax - 1), others];
}
const others = "others";

type Piece = { y: number; high: number; tone: string; name: string; count: number };

function stack({ count, by }: TimeBucket, series: readonly string[], most: number): Piece[] {
  if (series.length === 0) {
    const high = scaled(count, most);
    return [{ y: rounded(height - high), high, tone: "c0", name: "records", count }];
  }
  const counts = new Map<string, number>();
  for (const { key, count: part } of by ?? []) {
    const name = series.includes(key) ? key : others;
    counts.set(name, (counts.get(name) ?? 0) + part);
  }
  let top = height;
  return series.flatMap((name, index) => {
    const part = counts.get(name) ?? 0;
    if (part === 0) return [];
    const high = scaled(part, most);
    top = rounded(top - high);
    return [{ y: top, high, tone: `c${index}`, name, count: part }];
  });
}

const legend = (series: readonly string[]): Html => html`<ul class="legend">${series.map(
  (name, index) =>
    html`<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="c${index}" width="10" height="10" rx="2"/></svg>${name}</li>`,
)}</ul>
`;

const scaled = (count: number, most: number): number => rounded((count / most) * (height - 4));
const rounded = (value: number): number => Math.round(value * 100) / 100;
