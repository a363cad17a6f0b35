import {
  type AuditAnswer,
  type AuditRecord,
  canonicalJson,
  type Incident,
  sha256Hex,
} from "@locum/contracts";
import type { InstanceView, PodsView, ReleaseView, ServiceView } from "@locum/contracts/client";
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
import { recordPage } from "./record-page.ts";

const hostile = `"><script>alert(1)</script><img src=x onerror='alert(1)'>`;
const nowMs = Date.parse("2030-01-31T12:00:00Z");
const digest = `sha256:${"a".repeat(64)}`;

const body = {
  seq: 7,
  previous: "0".repeat(64),
  event: {
    kind: "incident.open" as const,
    at: "2030-01-31T11:59:00.000Z",
    service: hostile,
    instance: hostile,
    actor: hostile,
    epoch: 3,
    incident: hostile,
    reason: hostile,
    facts: { [hostile]: hostile, fits: false, none: null },
  },
};
const record: AuditRecord = { ...body, hash: sha256Hex(canonicalJson(body)) };
const service: ServiceView = {
  service: hostile,
  class: "stateless",
  posture: "tap",
  mode: "auto",
  state: "failed",
  term: 1,
  epoch: 2,
  active: [hostile],
  fit: [],
  instances: 1,
  connected: 1,
  pausedUntilMs: nowMs + 60_000,
  frozen: [digest],
  observeOnly: true,
  massSilence: true,
  promoting: hostile,
  incidents: [hostile],
};
const instance: InstanceView = {
  service: hostile,
  instance: hostile,
  role: "active",
  shadow: true,
  connected: true,
  contested: true,
  silent: false,
  incarnation: hostile,
  ageMs: 1200,
  healthyForMs: null,
  incident: hostile,
  report: {
    role: "active",
    term: 1,
    epoch: 2,
    verdict: {
      kind: "failed",
      failure: "hung",
      hard: true,
      evidence: [{ rung: "golden", atMs: 0, detail: hostile }],
    },
    goldens: "failed",
    provenAgeMs: null,
    bytes: "approved",
    tree: digest,
    release: digest,
    restorable: [],
    quietMs: 0,
    fit: false,
    diverted: true,
    canRestart: false,
    inflight: 3,
    requestsPerSecond: 12.5,
    capacityPerSecond: 50,
    p99Ms: 20,
    tap: hostile,
    control: hostile,
    policy: 0,
    models: {
      [hostile]: {
        verdict: { kind: "suspect", failure: "hung", evidence: [] },
        goldens: "failed",
        provenAgeMs: null,
        release: null,
        fit: false,
        diverted: true,
      },
      fine: {
        verdict: { kind: "healthy", evidence: [] },
        goldens: "proven",
        provenAgeMs: 1,
        release: null,
        fit: true,
        diverted: false,
      },
    },
  },
};
const release: ReleaseView = {
  service: hostile,
  digest,
  createdAt: "2030-01-30T12:00:00.000Z",
  note: hostile,
  tree: digest,
  files: 1,
  bytes: 10,
  models: [hostile],
  goldens: 3,
  approvedBy: [hostile],
  served: [hostile],
};
const pods: PodsView = {
  kubernetes: "synced",
  pods: [
    {
      namespace: hostile,
      pod: hostile,
      node: hostile,
      service: null,
      instance: null,
      injection: "missed",
      detail: hostile,
      version: null,
      rev: null,
      role: null,
      ready: true,
      deleting: false,
    },
  ],
};
const noPods: PodsView = { kubernetes: "off", pods: [] };
const incident: Incident = {
  id: hostile,
  service: hostile,
  instance: hostile,
  failure: "hung",
  openedAtMs: nowMs - 5000,
  closedAtMs: null,
  drill: hostile,
  timeline: [{ offsetMs: 0, step: "detect", instance: hostile, detail: hostile }],
};
const answer: AuditAnswer = {
  records: [record],
  next: [7],
  aggregations: {
    time: { buckets: [{ key: nowMs - 60_000, count: 1, by: [{ key: hostile, count: 1 }] }] },
    panel: { buckets: [{ key: hostile, count: 4 }] },
  },
};
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

describe("in the fleet", () => {
  const draw = (data: { pods?: PodsView }) =>
    markupOf(
      fleetPage({
        services: [service],
        isNarrowed: false,
        instances: [instance],
        releases: [],
        records: [],
        nowMs,
        pods: data.pods ?? noPods,
      }),
    );
  it("only models that are not right are named", () => {
    expect(draw({})).toContain("suspect: hung");
    expect(draw({})).not.toContain("model fine");
  });
  it("pods are shown where they should have a sidecar and have none", () => {
    expect(draw({ pods })).toContain("Pods without a sidecar");
    const injected = pods.pods.map((pod) => ({ ...pod, injection: "injected" as const }));
    for (const none of [noPods, { ...pods, pods: injected }])
      expect(draw({ pods: none })).not.toContain("without a sidecar");
  });
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

describe("a fleet of thousands", () => {
  const services = Array.from({ length: 500 }, (_, index) => ({
    ...service,
    service: `s-${index}`,
    state: index % 100 === 7 ? ("failed" as const) : ("healthy" as const),
  }));
  const instances = services.flatMap((one) =>
    Array.from({ length: 10 }, (_, index) => ({ ...instance, service: one.service, instance: `i-${index}` })),
  );
  const draw = (only: string | null) =>
    markupOf(
      fleetPage({
        services: services.filter((one) => only === null || one.service === only),
        isNarrowed: only !== null,
        instances: instances.filter((one) => only === null || one.service === only),
        releases: [],
        pods: noPods,
        records: [],
        nowMs,
      }),
    );

  it("shows its services, and whole only those that are not healthy", () => {
    const page = draw(null);
    expect(page).toContain("5 of 500 services not healthy.");
    expect(page.match(/<section id="service-/g)).toHaveLength(5);
    expect(page.indexOf('/?service=s-407"')).toBeLessThan(page.indexOf('/?service=s-0"'));
    expect(page.length).toBeLessThan(1_000_000);
  });
  it("shows one service whole", () => {
    expect(draw("s-3").match(/<td data-label="Instance">/g)).toHaveLength(10);
  });
  it("shows the worst of an instance's many first, and how many more there are", () => {
    const fine = { ...instance, silent: false, contested: false, report: null, connected: true };
    const many = Array.from({ length: 600 }, (_, index) => ({
      ...(index === 599 ? instance : fine),
      service: "s-3",
      instance: `i-${index}`,
    }));
    const page = markupOf(
      fleetPage({
        services: services.slice(3, 4),
        isNarrowed: true,
        instances: many,
        releases: [],
        pods: noPods,
        records: [],
        nowMs,
      }),
    );
    expect(page).toContain("100 more");
    expect(page.indexOf("i-599")).toBeLessThan(page.indexOf("i-0<"));
  });
});
