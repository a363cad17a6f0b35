import type { Role } from "@locum/contracts";
import type { InstanceView, ReleaseView, RepositoryView, ServiceView } from "@locum/contracts/client";
import { badge, judgedBadge, stateBadge, verdictBadge } from "./badge.ts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";
import { shareBar } from "./share-bar.ts";
import { digestOf, numberText, spanText, timeOf } from "./shown.ts";
import { snapshotNotes } from "./snapshot-notes.ts";
import { type Column, table } from "./table.ts";

/** One service: what is to be known of it at once, then its instances, those that are not right first. */
export function serviceSection({
  service,
  instances,
  releases,
  repository,
  rowsMax,
  nowMs,
}: {
  service: ServiceView;
  instances: readonly InstanceView[];
  releases: readonly ReleaseView[];
  repository: RepositoryView | undefined;
  rowsMax: number;
  nowMs: number;
}): Html {
  const name = service.service;
  const rows = instances.length <= rowsMax ? instances : instances.toSorted(worstFirst).slice(0, rowsMax);
  const more = instances.length - rows.length;
  return html`<section id="service-${name}">
<h2>${name} ${stateBadge(service.state)}</h2>
<p class="meta"><span>${service.class}</span><span>posture <b>${service.posture}</b></span>
<span>failover <b>${service.mode}</b></span><span>epoch <b>${service.epoch}</b></span>
<span>active <b>${service.active.join(", ") || "none"}</b></span>
<span><b>${service.fit.length}</b> of ${service.instances} fit</span>
<span><b>${service.connected}</b> connected</span></p>
${repository && snapshotNotes(repository, nowMs)}${notes(service, nowMs)}${table({
  caption: `Instances of ${name}`,
  columns: instanceColumns,
  rows,
  empty: "No instance is configured.",
})}${more > 0 && html`<p class="quiet">${more} more, none of them worse than these.</p>`}
<details><summary>Approved releases: ${releases.length}</summary>
${table({
  caption: `Approved releases of ${name}`,
  columns: releaseColumns,
  rows: releases,
  empty: "None is approved: nothing would be restored. Record one with locum golden record.",
})}</details>
</section>
`;
}

function notes(service: ServiceView, nowMs: number): Html {
  const found: Html[] = [];
  for (const id of service.incidents)
    found.push(html`${badge("bad", "incident")} <a href="${link(["incidents", id])}">${id}</a> is open`);
  if (service.promoting !== null) found.push(html`${badge("move", "promoting")} ${service.promoting}`);
  if (service.pausedUntilMs !== null && service.pausedUntilMs > nowMs)
    found.push(html`${badge("alarm", "paused")} until ${timeOf(service.pausedUntilMs)}`);
  if (service.massSilence)
    found.push(
      html`${badge("alarm", "mass silence")} taken for a fault of the observer: nothing is promoted`,
    );
  if (service.observeOnly)
    found.push(html`${badge("alarm", "observing")} the store is behind the sidecars: no command is given`);
  for (const digest of service.frozen)
    found.push(html`${badge("alarm", "frozen")} release ${digestOf(digest)} fails everywhere`);
  return html`${found.length > 0 && html`<ul class="notes">${found.map((note) => html`<li>${note}</li>`)}</ul>\n`}`;
}

const roleTones: Record<Role, "move" | "quiet" | "alarm"> = {
  active: "move",
  standby: "quiet",
  fenced: "alarm",
};

const instanceColumns: Column<InstanceView>[] = [
  {
    head: "Instance",
    cell: ({ service, instance, shadow, incident }) => [
      html`<a href="${link(["audit"], { service, instance })}"><b>${instance}</b></a>`,
      shadow === true && html` ${badge("quiet", "shadow")}`,
      incident !== null && html` <a href="${link(["incidents", incident])}">incident</a>`,
    ],
  },
  { head: "Role", cell: ({ role }) => badge(roleTones[role], role) },
  {
    head: "Verdict",
    cell: (instance) => [
      verdictBadge(instance),
      instance.contested && html` ${badge("bad", "two claim it")}`,
      instance.report?.diverted === true && html` ${badge("move", "diverted")}`,
      evidenceOf(instance),
      modelsOf(instance),
    ],
  },
  {
    head: "Goldens",
    cell: ({ report }) => report && goldens(report),
  },
  { head: "Bytes", cell: ({ report }) => report?.bytes },
  { head: "Release", cell: ({ report }) => report && digestOf(report.release) },
  {
    head: "Traffic",
    cell: ({ report }) => report && traffic(report),
  },
  { head: "p99", number: true, cell: ({ report }) => report && spanText(report.p99Ms) },
  {
    head: "Heard",
    number: true,
    cell: ({ ageMs }) => (ageMs === null ? "never" : `${spanText(ageMs)} ago`),
  },
];

type Report = NonNullable<InstanceView["report"]>;

const goldens = ({ goldens, provenAgeMs }: Report): Html =>
  html`${goldens}${provenAgeMs !== null && html` <span class="quiet">${spanText(provenAgeMs)} ago</span>`}`;

function traffic({ requestsPerSecond, capacityPerSecond, inflight }: Report): Html {
  const known = capacityPerSecond > 0;
  return html`${numberText(requestsPerSecond)}/s${known && html` <span class="quiet">of ${numberText(capacityPerSecond)}</span>`}${
    inflight > 0 && html` <span class="quiet">· ${inflight} in flight</span>`
  }${known && shareBar(requestsPerSecond / capacityPerSecond, `${Math.round((100 * requestsPerSecond) / capacityPerSecond)} % of its capacity`)}`;
}

function evidenceOf({ report }: InstanceView): Html | false {
  const [first] = report?.verdict.evidence ?? [];
  return first !== undefined && html`<br><span class="quiet">${first.rung}: ${first.detail}</span>`;
}

/** Of several models on a server, those that are not right: each is judged by itself. */
function modelsOf({ report }: InstanceView): Html | false {
  const wrong = Object.entries(report?.models ?? {}).filter(([, { verdict }]) => verdict.kind !== "healthy");
  if (wrong.length === 0) return false;
  return html`<ul class="notes">${wrong
    .slice(0, modelsMax)
    .map(
      ([name, { verdict, diverted }]) =>
        html`<li>${judgedBadge(verdict)} model ${name}${
          diverted && html` ${badge("move", "diverted")}`
        }</li>`,
    )}</ul>`;
}
const modelsMax = 20;

const releaseColumns: Column<ReleaseView>[] = [
  { head: "Release", cell: ({ digest }) => digestOf(digest) },
  { head: "Made", cell: ({ createdAt }) => timeOf(Date.parse(createdAt)) },
  { head: "Note", cell: ({ note }) => note },
  { head: "Models", cell: ({ models }) => models.join(", ") },
  { head: "Goldens", number: true, cell: ({ goldens }) => goldens },
  { head: "Files", number: true, cell: ({ files }) => files },
  { head: "Approved by", cell: ({ approvedBy }) => approvedBy.map((key) => digestOf(key)) },
  { head: "Served by", cell: ({ served }) => served.join(", ") || "nobody" },
];

const worstFirst = (a: InstanceView, b: InstanceView): number => rank(a) - rank(b);

function rank({ report, connected, silent, contested }: InstanceView): number {
  if (report?.verdict.kind === "failed") return 0;
  if (silent || contested || !connected || report === null) return 1;
  return report.fit ? 3 : 2;
}
