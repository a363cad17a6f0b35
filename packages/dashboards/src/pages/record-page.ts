import { type AuditRecord, canonicalJson, sha256Hex } from "@locum/contracts";
import { badge } from "./badge.ts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";
import { timeOf } from "./shown.ts";
import { table } from "./table.ts";

/** One record whole, with its place in the chain: its own hash counted again, and its neighbours'. */
export function recordPage({
  record,
  before,
  after,
}: {
  record: AuditRecord;
  before: AuditRecord | null;
  after: AuditRecord | null;
}): Html {
  const { seq, event, hash, previous } = record;
  const { kind, at, service, instance, actor, epoch, incident, reason, facts } = event;
  return html`<div class="title"><h1>Record ${seq}</h1>
<p class="pages">${before && html`<a class="button" rel="prev" href="${link(["audit", String(before.seq)])}">Record ${before.seq}</a>`}${
    after &&
    html`<a class="button" rel="next" href="${link(["audit", String(after.seq)])}">Record ${after.seq}</a>`
  }</p></div>
<section>
<h2><code>${kind}</code></h2>
<p class="lead">${reason === "" ? html`<span class="quiet">no reason given</span>` : reason}</p>
<dl class="facts">
<dt>Time (UTC)</dt><dd>${timeOf(Date.parse(at))} <span class="quiet">${at}</span></dd>
<dt>Service</dt><dd><a href="${link(["audit"], { service })}">${service}</a></dd>
<dt>Instance</dt><dd>${instance === null ? none : html`<a href="${link(["audit"], { service, instance })}">${instance}</a>`}</dd>
<dt>Actor</dt><dd><a href="${link(["audit"], { actor })}">${actor}</a></dd>
<dt>Epoch</dt><dd>${epoch}</dd>
<dt>Incident</dt><dd>${incident === null ? none : html`<a href="${link(["incidents", incident])}">${incident}</a>`}</dd>
</dl>
</section>
<section>
<h2>Facts</h2>
${table({
  caption: "Facts of the record",
  columns: [
    { head: "Name", cell: ([name]) => html`<code>${name}</code>` },
    { head: "Value", cell: ([, value]) => (value === null ? none : String(value)) },
  ],
  rows: Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)),
  empty: "This kind of record needs none.",
})}</section>
<section>
<h2>Proof</h2>
${chain({ record, before, after })}<dl class="facts">
<dt>Hash</dt><dd><code>${hash}</code></dd>
<dt>Hash before it</dt><dd><code>${previous}</code></dd>
</dl>
<p class="quiet">This page counts with what the collector answers. <code>locum audit verify</code> reads the log itself and holds
every record against the checkpoints that were signed and cosigned; it needs no collector.</p>
<details><summary>As it stands in the log (canonical JSON)</summary>
<pre tabindex="0">${canonicalJson(record)}</pre></details>
</section>
`;
}

const none = html`<span class="quiet">none</span>`;

function chain({ record, before, after }: Parameters<typeof recordPage>[0]): Html {
  const { seq, event, previous, hash } = record;
  const own = sha256Hex(canonicalJson({ seq, event, previous })) === hash;
  const toBefore = before ? before.hash === previous : null;
  const toAfter = after ? after.previous === hash : null;
  return html`<ul class="notes">
<li>${verdict(own)} its hash ${own ? "is" : "is not"} that of its content</li>
${
  toBefore === null
    ? html`<li>${badge("quiet", "first")} no record is before it</li>`
    : html`<li>${verdict(toBefore)} it ${toBefore ? "names" : "does not name"} the hash of the record before it</li>`
}
${
  toAfter === null
    ? html`<li>${badge("quiet", "newest")} no record is behind it yet</li>`
    : html`<li>${verdict(toAfter)} the next record ${toAfter ? "names" : "does not name"} its hash</li>`
}
</ul>
`;
}

const verdict = (holds: boolean): Html => (holds ? badge("good", "holds") : badge("bad", "broken"));
