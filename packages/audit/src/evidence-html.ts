import type { AuditProof, AuditRecord, Incident } from "@locum/contracts";
import { type Evidence, evidenceKeyId, evidenceText, type Measure } from "./evidence.ts";
import { escapeHtml, html } from "./html.ts";
import { pageStyle } from "./page-style.ts";
import { timelineSvg } from "./timeline-svg.ts";

const opening = '<script type="application/json" id="evidence">';
const closing = "</script>";

/**
 * A report as one page without scripts or outside resources, light and dark. It is a pure function of the evidence and
 * holds it whole, so that a verifier can tell that the page shows what was signed.
 */
export function renderEvidenceHtml(evidence: Evidence): string {
  const { body, records } = evidence;
  const missed = body.measures.filter(({ met }) => !met);
  const promised = body.measures.filter(({ limit, met }) => limit !== null || !met);
  const verdict =
    missed.length === 0 ? "Every objective met" : `${missed.length} of ${promised.length} objectives missed`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(body.title)}</title>
<style>
${pageStyle}</style>
</head>
<body>
<header>
<p class="eyebrow">Locum ${escapeHtml(body.cause)} report</p>
<h1>${escapeHtml(body.title)}</h1>
<p class="lead">${escapeHtml(body.summary)}</p>
<p class="meta"><span class="badge ${missed.length === 0 ? "good" : "bad"}">${verdict}</span>
<span>service <b>${escapeHtml(body.service)}</b></span><span>${escapeHtml(body.createdAt)}</span></p>
</header>
<main>
${body.measures.length > 0 ? measuresTable(body.measures) : ""}${body.incidents.map(incidentSection).join("")}
${factsTable(body.facts)}${recordsTable(records)}
</main>
<footer>
<p>Signed with Ed25519, key <code>${evidenceKeyId(evidence)}</code>. This page holds its own evidence: check it offline with
<code>locum verify FILE</code>.</p>
${evidence.log ? logLine(evidence.log) : ""}</footer>
${opening}${evidenceText(evidence).replaceAll("<", "\\u003c")}${closing}
</body>
</html>
`;
}

/** What the checkpoint says; the verifiers prove it. */
function logLine({ checkpoint, key }: AuditProof): string {
  const [origin = "", size = ""] = checkpoint.split("\n");
  return html`<p>Each record is proven to be in the log <code>${origin}</code>, which had ${size} records when it was signed. Its
key is <code>${key}</code>.</p>
`;
}

/** The JSON inside of a page, or undefined where there is none. */
export function embeddedEvidence(page: string): string | undefined {
  const start = page.indexOf(opening);
  const end = page.indexOf(closing, start);
  return start === -1 || end === -1 ? undefined : page.slice(start + opening.length, end);
}

function measuresTable(measures: readonly Measure[]): string {
  const rows = measures.map(
    ({
      name,
      unit,
      value,
      limit,
      met,
    }) => html`<tr><td>${name}</td><td class="number">${shown(value, unit)}</td>
<td class="number">${limit === null ? "" : `≤ ${shown(limit, unit)}`}</td>
<td class="share ${resultOf(limit, met)}"><span style="width:${share(value, limit)}%"></span></td>
<td class="${resultOf(limit, met)}">${{ good: "met", bad: "missed", none: "" }[resultOf(limit, met)]}</td></tr>
`,
  );
  return `<section>
<h2>Objectives</h2>
<table>
<thead><tr><th>Measure</th><th class="number">Value</th><th class="number">Objective</th><th>Share</th><th>Result</th></tr></thead>
<tbody>
${rows.join("")}</tbody>
</table>
</section>
`;
}

function incidentSection(incident: Incident): string {
  const rows = incident.timeline.map(
    ({ offsetMs, step, instance, detail }, index) => html`<tr><td class="number">${index + 1}</td>
<td class="number">${shown(offsetMs, "ms")}</td><td class="step"><span class="dot ${step}"></span>${step}</td><td>${instance ?? ""}</td><td>${detail}</td></tr>
`,
  );
  return `${html`<section>
<h2>${incident.failure} on ${incident.instance}</h2>
<p class="meta"><span>incident <code>${incident.id}</code></span><span>opened ${new Date(incident.openedAtMs).toISOString()}</span>
<span>${incident.closedAtMs === null ? "still open" : `closed after ${shown(incident.closedAtMs - incident.openedAtMs, "ms")}`}</span></p>
`}<figure>
${timelineSvg(incident)}</figure>
<table>
<thead><tr><th class="number">#</th><th class="number">Time</th><th>Step</th><th>Instance</th><th>Detail</th></tr></thead>
<tbody>
${rows.join("")}</tbody>
</table>
</section>
`;
}

function factsTable(facts: Evidence["body"]["facts"]): string {
  // Sorted, so that the page does not depend on the order in which the facts were gathered.
  const sorted = Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = sorted.map(
    ([name, value]) => html`<tr><td>${name}</td><td>${String(value)}</td></tr>
`,
  );
  return rows.length === 0
    ? ""
    : `<section>\n<h2>Facts</h2>\n<table>\n<tbody>\n${rows.join("")}</tbody>\n</table>\n</section>\n`;
}

function recordsTable(records: readonly AuditRecord[]): string {
  const rows = records.map(
    ({
      seq,
      event,
      hash,
    }) => html`<tr><td class="number">${seq}</td><td>${event.at}</td><td>${event.kind}</td>
<td>${event.actor}</td><td>${event.reason}</td><td><code>${hash.slice(0, 12)}</code></td></tr>
`,
  );
  return rows.length === 0
    ? ""
    : `<section>
<details>
<summary><h2>Audit records</h2> ${records.length}, each bound to the one before it by its hash</summary>
<table>
<thead><tr><th class="number">Seq</th><th>Time</th><th>Kind</th><th>Actor</th><th>Reason</th><th>Hash</th></tr></thead>
<tbody>
${rows.join("")}</tbody>
</table>
</details>
</section>
`;
}

/** A measure without an objective is neither good nor bad. */
const resultOf = (limit: number | null, met: boolean): "good" | "bad" | "none" =>
  met ? (limit === null ? "none" : "good") : "bad";

/** How much of its objective a measure used, for a bar that ends at the limit. */
function share(value: number | null, limit: number | null): number {
  if (value === null) return 100;
  if (limit === null || limit <= 0) return value > 0 && limit === 0 ? 100 : 0;
  return Math.round(Math.min(1, value / limit) * 100);
}

function shown(value: number | null, unit: Measure["unit"]): string {
  if (value === null) return "never";
  if (unit === "ms") return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`;
  return unit === "bytes" ? `${value} B` : String(value);
}
