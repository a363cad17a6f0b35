import { describe, expect, it } from "vitest";
import { dashboards } from "../dashboards.ts";
import { isAuditSource } from "../model.ts";
import { auditPage } from "./audit-page.ts";
import { readAuditView } from "./audit-view.ts";
import { dashboardPage } from "./dashboard-page.ts";
import { fleetPage } from "./fleet-page.ts";
import { type Html, markupOf, trusted } from "./html.ts";
import { incidentPage } from "./incident-page.ts";
import { incidentsPage } from "./incidents-page.ts";
import { renderPage } from "./page.ts";
import {
  answer,
  hostile,
  incident,
  instance,
  noPods,
  nowMs,
  pods,
  record,
  release,
  repository,
  service,
} from "./page-data.fixture.ts";
import { recordPage } from "./record-page.ts";

const hostileAudit = readAuditView(
  new URLSearchParams({ service: hostile, text: hostile, incident: hostile, actor: hostile }),
);

/** Every element of a page is one that these pages write; nothing of the data became one. */
function expectText(page: Html): void {
  const markup = markupOf(page);
  expect(markup).not.toMatch(/<(script|img)/);
  // What stands in quotes is a value; outside of them nothing of the data may be.
  expect(markup.replaceAll(/="[^"]*"/g, "")).not.toMatch(/<[^>]*(\bon\w+|alert|')[^>]*>/);
  expect(markup).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
}

describe("hostile text stays text", () => {
  it("in the fleet", () => {
    expectText(
      fleetPage({
        services: [service],
        isNarrowed: false,
        instances: [instance],
        releases: [release],
        repositories: [repository],
        pods,
        records: [record],
        nowMs,
      }),
    );
  });
  it("in incidents", () => {
    const view = { service: hostile, open: null };
    expectText(incidentsPage({ incidents: [incident], view, services: [hostile], limit: 10, nowMs }));
    expectText(incidentPage({ incident, picture: trusted("<svg></svg>"), records: [record], nowMs }));
  });
  it("in the audit explorer and a record", () => {
    expectText(
      auditPage({
        view: hostileAudit,
        answer,
        services: [hostile],
        instances: [hostile],
        intervalMs: 60_000,
      }),
    );
    expectText(recordPage({ record, before: record, after: record }));
  });
  it.each(dashboards.map((one) => [one.id, one] as const))("in the dashboard %s", (_, dashboard) => {
    const view = { fromMs: nowMs - 3_600_000, toMs: nowMs, intervalMs: 60_000 };
    const answers = new Map(
      dashboard.panels.flatMap(({ id, source }) => {
        if (!isAuditSource(source)) return [];
        const key = source.kind === "histogram" ? nowMs - 60_000 : hostile;
        const panel =
          source.kind === "stats"
            ? { count: 1, min: 1, max: 1, sum: 1, avg: 1 }
            : { buckets: [{ key, count: 2, by: [{ key: hostile, count: 2 }] }] };
        return [[id, { ...answer, aggregations: { panel } }] as const];
      }),
    );
    expectText(dashboardPage({ dashboard, span: "1h", view, answers, samples: [] }));
  });
  it("in what is around a page", () => {
    const shell = {
      user: { name: hostile, role: hostile },
      theme: "dark",
      style: "/s",
      scripts: [],
      icon: "/i",
    } as const;
    const page = renderPage(shell, { title: hostile, section: "audit", body: trusted("") });
    expect(page).not.toMatch(/<(script|img)/);
  });
});

describe("where there is nothing, it says why", () => {
  it("in the fleet", () => {
    const page = markupOf(
      fleetPage({
        services: [],
        isNarrowed: false,
        instances: [],
        releases: [],
        repositories: [],
        pods: noPods,
        records: [],
        nowMs,
      }),
    );
    expect(page).toContain("No service is configured here.");
    expect(page).toContain("Nothing has been recorded yet");
  });
  it("in incidents, with and without a filter", () => {
    const of = (open: boolean | null) =>
      markupOf(
        incidentsPage({ incidents: [], view: { service: null, open }, services: [], limit: 10, nowMs }),
      );
    expect(of(null)).toContain("Nothing has failed");
    expect(of(true)).toContain("No incident matches");
  });
  it.each([
    ["after=3", "no record behind that one"],
    ["from=2030-02-01&to=2030-01-01", "ends before it begins"],
    ["service=s", "Clear one of them"],
  ])("in the audit explorer: %s", (query, why) => {
    const view = readAuditView(new URLSearchParams(query));
    const nothing = { records: [], next: null, aggregations: {} };
    const page = auditPage({
      view,
      answer: nothing,
      services: [],
      instances: [],
      intervalMs: 60_000,
    });
    expect(markupOf(page)).toContain(why);
  });
  it.each(dashboards.map((one) => [one.id, one] as const))(
    "in each panel of the dashboard %s",
    (_, dashboard) => {
      const view = { fromMs: nowMs - 3_600_000, toMs: nowMs, intervalMs: 60_000 };
      const answers = new Map(
        dashboard.panels.map(({ id }) => [
          id,
          { records: [], next: null, aggregations: { panel: { buckets: [] } } },
        ]),
      );
      const page = markupOf(dashboardPage({ dashboard, span: "1h", view, answers, samples: [] }));
      for (const { id, source, title } of dashboard.panels) {
        const [, section = ""] = page.split(`id="panel-${id}"`);
        const own = section.slice(0, section.indexOf("</section>"));
        const found =
          source.kind === "note" ? "<p>" : source.kind === "count" ? 'class="figure">0' : 'class="empty"';
        expect(own, title).toContain(found);
      }
    },
  );
});

describe("a record", () => {
  it("whose content was changed is shown as broken", () => {
    const changed = { ...record, event: { ...record.event, epoch: 4 } };
    expect(markupOf(recordPage({ record: changed, before: null, after: null }))).toContain(
      "is not that of its content",
    );
    expect(markupOf(recordPage({ record, before: null, after: null }))).toContain(
      "its hash is that of its content",
    );
  });
  it("that its neighbours do not name is shown as broken", () => {
    const other = { ...record, hash: "f".repeat(64), previous: "f".repeat(64) };
    const page = markupOf(recordPage({ record, before: other, after: other }));
    expect(page).toContain("it does not name the hash of the record before it");
    expect(page).toContain("the next record does not name its hash");
  });
});
