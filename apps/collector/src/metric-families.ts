import type { ShippingView } from "@locum/contracts/client";
import type { Member, ServiceState } from "@locum/coordination";
import type { Labels, MetricFamily, MetricUnit } from "@locum/runtime";
import type { Fleet, RunningService } from "./fleet.ts";
import type { ClusterFigures } from "./kubernetes/cluster.ts";
import { shippingFamilies } from "./shipping-families.ts";
import type { WitnessView } from "./witnesses.ts";

export type Figures = {
  streams: number;
  watchers: number;
  auditWaiting: number;
  auditOpen: boolean;
  auditCounted: { sampled: number; refused: number };
  shipping: ShippingView;
  recordsWaiting: number;
  witnesses: WitnessView;
  framesIn: Readonly<Record<string, number>>;
  framesRejected: number;
  loopLagMs: { mean: number; max: number };
  audited: Readonly<Record<string, number>>;
  /** Null outside Kubernetes. */
  cluster: ClusterFigures | null;
};

type Points = { labels: Labels; value: number }[];

/** What /metrics shows and telemetry exports, out of the state itself: it cannot differ from what is decided on. */
export const metricFamilies = (fleet: Fleet, figures: Figures): MetricFamily[] => [
  ...serviceFamilies(fleet),
  ...instanceFamilies(fleet),
  ...eventFamilies(figures),
  ...processFamilies(figures),
  ...shippingFamilies(figures.shipping),
  ...(figures.cluster ? clusterFamilies(figures.cluster) : []),
];

const gauge = (name: string, help: string, points: Points, unit: MetricUnit = "1"): MetricFamily => ({
  name: `locum.${name}`,
  kind: "gauge",
  help,
  unit,
  points,
});
const counter = (name: string, help: string, points: Points, unit: MetricUnit = "1"): MetricFamily => ({
  ...gauge(name, help, points, unit),
  kind: "counter",
});
const one = (value: number | boolean): Points => [{ labels: {}, value: Number(value) }];
const each = (label: string, counts: Readonly<Record<string, number>>): Points =>
  Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));

function serviceFamilies(fleet: Fleet): MetricFamily[] {
  const of = (value: (service: RunningService) => number): Points =>
    fleet.all().map((service) => ({ labels: { service: service.config.service }, value: value(service) }));
  const state = (value: (state: ServiceState) => number): Points => of(({ driver }) => value(driver.state()));
  const open = ({ incidents }: ServiceState): number =>
    Object.values(incidents).filter(({ closedAtMs }) => closedAtMs === null).length;
  const observing = state(({ observeOnly }) => Number(observeOnly));
  const dropped = of(({ driver }) => driver.counts.dropped);
  const stalled = of(({ driver }) => driver.counts.stalledMs);
  const withheld = of(({ counts }) => counts.withheld);
  return [
    gauge(
      "term",
      "leadership of this collector",
      state(({ durable }) => durable.term),
    ),
    gauge(
      "epoch",
      "grows with each promotion",
      state(({ durable }) => durable.epoch),
    ),
    gauge("observe_only", "1 while the store is behind what sidecars have seen", observing),
    gauge(
      "service.inflight_per_ready",
      "requests in flight for each instance that may take traffic: what an autoscaler follows",
      state(({ members }) => inflightPerReady(Object.values(members))),
    ),
    gauge("incidents.open", "open incidents", state(open)),
    counter(
      "inputs",
      "inputs decided on",
      of(({ driver }) => driver.counts.inputs),
    ),
    counter("reports.dropped", "reports that found the queue full", dropped),
    counter("stalled", "own stalls, credited to the fleet", stalled, "ms"),
    counter(
      "commands",
      "commands sent",
      of(({ counts }) => counts.commands),
    ),
    counter("commands.withheld", "commands whose record was not on disk", withheld),
  ];
}

/** With nobody ready the whole of what is in flight: it is then for one instance at least. */
export function inflightPerReady(members: readonly Member[]): number {
  const heard = members.flatMap((member) =>
    member.connected && !member.silent && member.report ? [member.report] : [],
  );
  const inflight = heard.reduce((sum, report) => sum + report.inflight, 0);
  return inflight / Math.max(1, heard.filter(({ fit, diverted }) => fit && !diverted).length);
}

const clusterFamilies = ({ pods, synced, uninjected, counts }: ClusterFigures): MetricFamily[] => [
  gauge("pods", "pods with a sidecar, and pods that asked for one", one(pods)),
  gauge("kubernetes.synced", "1 once all pods were listed", one(synced)),
  gauge(
    "uninjected_pods",
    "pods that asked for a sidecar and have none",
    uninjected.length === 0 ? one(0) : uninjected.map(({ count, ...labels }) => ({ labels, value: count })),
  ),
  counter("kubernetes.acts", "what was written to the API server, and what went wrong", each("act", counts)),
];

function instanceFamilies(fleet: Fleet): MetricFamily[] {
  const of = (value: (member: Member) => number, more: (member: Member) => Labels = () => ({})): Points =>
    fleet.all().flatMap(({ config, driver }) =>
      Object.values(driver.state().members).map((member) => ({
        labels: { service: config.service, instance: member.id, ...more(member) },
        value: value(member),
      })),
    );
  const verdict = of(
    () => 1,
    ({ report }) => ({ verdict: report?.verdict.kind ?? "unknown" }),
  );
  const diverted = of(({ report }) => Number(report?.diverted ?? false));
  return [
    gauge(
      "instance.connected",
      "1 with an open stream",
      of(({ connected }) => Number(connected)),
    ),
    gauge(
      "instance.fit",
      "1 while proven fresh",
      of(({ report }) => Number(report?.fit ?? false)),
    ),
    gauge("instance.diverted", "1 while requests go elsewhere", diverted),
    gauge("instance.verdict", "1 for the verdict that holds", verdict),
  ];
}

const eventFamilies = ({ audited }: Figures): MetricFamily[] => [
  counter("promotions", "committed since the start", one(audited["promote.commit"] ?? 0)),
  counter("restores", "ended since the start", one(audited["restore.result"] ?? 0)),
  counter("incidents", "opened since the start", one(audited["incident.open"] ?? 0)),
  counter("audit.events", "audit events written since the start", each("kind", audited)),
];

const witnessFamilies = ({ connected, cosigned, refusing, doubting }: WitnessView): MetricFamily[] => [
  gauge("witness.connected", "sidecars that witness the audit log", one(connected)),
  gauge("witness.cosigned", "of them, those that cosigned its newest checkpoint", one(cosigned)),
  gauge("witness.refusing", "of them, those that proved a rewritten log", one(refusing.length)),
  gauge("witness.doubting", "of them, those that do not cosign and prove nothing", one(doubting.length)),
];

const processFamilies = (figures: Figures): MetricFamily[] => [
  gauge("sidecars", "open streams of sidecars", one(figures.streams)),
  gauge("watchers", "open event streams", one(figures.watchers)),
  gauge("audit.open", "1 while the audit log takes events", one(figures.auditOpen)),
  gauge("audit.waiting", "events that wait for the disk", one(figures.auditWaiting)),
  counter("audit.counted", "events of which the log has the number only", each("why", figures.auditCounted)),
  gauge("records.waiting", "records of sidecars that wait for the disk", one(figures.recordsWaiting)),
  ...witnessFamilies(figures.witnesses),
  counter("frames", "frames received", each("kind", figures.framesIn)),
  counter("frames.rejected", "streams closed for a breach of the contract", one(figures.framesRejected)),
  gauge("loop.lag", "delay of the event loop", each("of", figures.loopLagMs), "ms"),
];
