import type { Incident, TimelineEntry } from "@locum/contracts";
import { html } from "./html.ts";

const width = 960;
const left = 120;
const right = 24;
const radius = 10;
const stackMax = 8;
/** Below this the axis is about linear. */
const linearMs = 100;

type Mark = { number: number; x: number; level: number; entry: TimelineEntry };
type Lane = { name: string; marks: Mark[]; levels: number };
type PlacedLane = Lane & { top: number; height: number; base: number };

/**
 * An incident as a picture: time to the right, one lane for each instance, its steps numbered as in the table. Time is
 * logarithmic above 100 ms, for a failover takes a second and the restore after it half a minute.
 */
export function timelineSvg(incident: Incident): string {
  const { timeline } = incident;
  const endMs = Math.max(
    1,
    ...timeline.map(({ offsetMs }) => offsetMs),
    incident.closedAtMs === null ? 0 : incident.closedAtMs - incident.openedAtMs,
  );
  const span = Math.log1p(endMs / linearMs);
  const x = (ms: number): number =>
    rounded(
      left + radius + (Math.log1p(Math.max(0, ms) / linearMs) / span) * (width - left - right - 2 * radius),
    );
  const lanes = lanesOf(timeline, x);
  let y = 8;
  const placed = lanes.map((lane) => {
    const height = lane.levels * (2 * radius + 2) + 16;
    const top = y;
    y += height + 6;
    return { ...lane, top, height, base: top + height - 8 - radius };
  });
  const label = html`aria-label="Timeline of ${timeline.length} steps in ${Math.round(endMs)} ms"`;
  return `<svg viewBox="0 0 ${width} ${y + 28}" role="img" ${label}>
${placed.map(drawGround).join("")}${ticks(endMs)
  .map((ms) => drawTick(ms, x(ms), y))
  .join("")}${placed.map(drawMarks).join("")}</svg>
`;
}

function lanesOf(timeline: readonly TimelineEntry[], x: (ms: number) => number): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const [index, entry] of timeline.entries()) {
    const name = entry.instance ?? "service";
    const lane: Lane = lanes.get(name) ?? { name, marks: [], levels: 1 };
    lanes.set(name, lane);
    const at = x(entry.offsetMs);
    // Marks that would touch stand on top of each other.
    const taken = new Set(
      lane.marks.filter((mark) => Math.abs(mark.x - at) < 2 * radius + 1).map(({ level }) => level),
    );
    let level = 0;
    while (taken.has(level) && level < stackMax - 1) level += 1;
    lane.marks.push({ number: index + 1, x: at, level, entry });
    lane.levels = Math.max(lane.levels, level + 1);
  }
  return [...lanes.values()];
}

function drawGround({ name, top, height, base }: PlacedLane): string {
  return html`<rect class="lane" x="0" y="${top}" width="${width}" height="${height}" rx="6"/>
<text class="lane-name" x="12" y="${base + 4}">${name.length > 14 ? `${name.slice(0, 13)}…` : name}</text>
`;
}

function drawMarks({ marks, base }: PlacedLane): string {
  const from = Math.min(...marks.map(({ x }) => x));
  const to = Math.max(...marks.map(({ x }) => x));
  const dots = marks.map(({ number, x, level, entry }) => {
    const y = base - level * (2 * radius + 2);
    return html`<g class="mark ${entry.step}"><title>${Math.round(entry.offsetMs)} ms, ${entry.step}: ${entry.detail}</title>
<circle cx="${x}" cy="${y}" r="${radius}"/><text x="${x}" y="${y + 3.5}">${number}</text></g>
`;
  });
  return `${html`<line class="span" x1="${from}" y1="${base}" x2="${to}" y2="${base}"/>
`}${dots.join("")}`;
}

function drawTick(ms: number, x: number, y: number): string {
  const name = ms < 1000 ? `${ms} ms` : ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
  return html`<line class="tick" x1="${x}" y1="4" x2="${x}" y2="${y}"/><text class="tick-name" x="${x}" y="${y + 16}">${
    ms === 0 ? "0" : name
  }</text>
`;
}

const ladder = [
  100, 300, 1000, 3000, 10_000, 30_000, 60_000, 180_000, 600_000, 1_800_000, 3_600_000, 14_400_000,
];

/** Round times, about equally far apart in the picture; of a long incident the last seven. */
function ticks(endMs: number): number[] {
  const below = ladder.filter((ms) => ms <= endMs);
  return [0, ...(below.length === 0 ? [Math.round(endMs)] : below.slice(-7))];
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
