import type { Member, ServiceState } from "@locum/coordination";
import type { Fleet, RunningService } from "./fleet.ts";

export type Figures = {
  streams: number;
  watchers: number;
  auditWaiting: number;
  auditOpen: boolean;
  recordsWaiting: number;
  framesIn: Readonly<Record<string, number>>;
  framesRejected: number;
  loopLagMs: { mean: number; max: number };
  audited: Readonly<Record<string, number>>;
};

type Sample = { labels?: Record<string, string>; value: number };
type Row = [name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]];

/** Prometheus text format 0.0.4, out of the state itself: what is shown cannot differ from what is decided on. */
export function metricsText(fleet: Fleet, figures: Figures): string {
  return [...serviceRows(fleet), ...instanceRows(fleet), ...eventRows(figures), ...processRows(figures)]
    .map(metric)
    .join("");
}

function serviceRows(fleet: Fleet): Row[] {
  const ofEach = (value: (service: RunningService) => number): Sample[] =>
    fleet.all().map((service) => ({ labels: { service: service.config.service }, value: value(service) }));
  const state = (value: (state: ServiceState) => number): Sample[] =>
    ofEach(({ driver }) => value(driver.state()));
  const open = ({ incidents }: ServiceState): number =>
    Object.values(incidents).filter(({ closedAtMs }) => closedAtMs === null).length;
  return [
    ["locum_term", "gauge", "leadership of this collector", state(({ durable }) => durable.term)],
    ["locum_epoch", "gauge", "grows with each promotion", state(({ durable }) => durable.epoch)],
    [
      "locum_observe_only",
      "gauge",
      "1: the store is behind the sidecars",
      state((of) => Number(of.observeOnly)),
    ],
    ["locum_incidents_open", "gauge", "open incidents", state(open)],
    ["locum_inputs_total", "counter", "inputs decided on", ofEach(({ driver }) => driver.counts.inputs)],
    [
      "locum_reports_dropped_total",
      "counter",
      "found a full queue",
      ofEach(({ driver }) => driver.counts.dropped),
    ],
    [
      "locum_stalled_ms_total",
      "counter",
      "own stalls, credited",
      ofEach(({ driver }) => driver.counts.stalledMs),
    ],
    ["locum_commands_total", "counter", "commands sent", ofEach(({ counts }) => counts.commands)],
    [
      "locum_commands_withheld_total",
      "counter",
      "record not on disk",
      ofEach(({ counts }) => counts.withheld),
    ],
  ];
}

function instanceRows(fleet: Fleet): Row[] {
  const samples = (
    value: (member: Member) => number,
    more: (member: Member) => Record<string, string> = () => ({}),
  ) =>
    fleet.all().flatMap(({ config, driver }) =>
      Object.values(driver.state().members).map((member) => ({
        labels: { service: config.service, instance: member.id, ...more(member) },
        value: value(member),
      })),
    );
  const verdict = ({ report }: Member) => ({ verdict: report?.verdict.kind ?? "unknown" });
  return [
    [
      "locum_instance_connected",
      "gauge",
      "1 with an open stream",
      samples(({ connected }) => Number(connected)),
    ],
    ["locum_instance_fit", "gauge", "1 proven fresh", samples(({ report }) => Number(report?.fit ?? false))],
    [
      "locum_instance_diverted",
      "gauge",
      "1 diverted",
      samples(({ report }) => Number(report?.diverted ?? false)),
    ],
    ["locum_instance_verdict", "gauge", "1 for the verdict that holds", samples(() => 1, verdict)],
  ];
}

function eventRows({ audited }: Figures): Row[] {
  const of = (kind: string): Sample[] => [{ value: audited[kind] ?? 0 }];
  return [
    ["locum_promotions_total", "counter", "committed since the start", of("promote.commit")],
    ["locum_restores_total", "counter", "ended since the start", of("restore.result")],
    ["locum_incidents_total", "counter", "opened since the start", of("incident.open")],
    ["locum_audit_events_total", "counter", "audit events written", counted("kind", audited)],
  ];
}

function processRows(figures: Figures): Row[] {
  const { mean, max } = figures.loopLagMs;
  const lag = [
    { labels: { of: "mean" }, value: mean },
    { labels: { of: "max" }, value: max },
  ];
  return [
    ["locum_sidecars", "gauge", "open streams of sidecars", [{ value: figures.streams }]],
    ["locum_watchers", "gauge", "open event streams", [{ value: figures.watchers }]],
    ["locum_audit_open", "gauge", "1 while the log takes events", [{ value: Number(figures.auditOpen) }]],
    ["locum_audit_waiting", "gauge", "events that wait for the disk", [{ value: figures.auditWaiting }]],
    ["locum_records_waiting", "gauge", "records that wait for the disk", [{ value: figures.recordsWaiting }]],
    ["locum_frames_total", "counter", "frames received", counted("kind", figures.framesIn)],
    [
      "locum_frames_rejected_total",
      "counter",
      "breaches of the contract",
      [{ value: figures.framesRejected }],
    ],
    ["locum_loop_lag_ms", "gauge", "delay of the event loop", lag],
  ];
}

const counted = (label: string, counts: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));

function metric([name, type, help, samples]: Row): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${quoted(text)}"`);
    return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

const quoted = (text: string): string =>
  text.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
