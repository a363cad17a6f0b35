import type {
  InstanceView,
  ModelReport,
  PodsView,
  RepositoryView,
  ServiceView,
  Verdict,
} from "@locum/contracts";
import type { Output } from "./output.ts";
import type { Colour } from "./paint.ts";
import { podNotes, podOf, showStrayPods } from "./pod-notes.ts";
import { spanText } from "./span-text.ts";
import type { Cell } from "./table.ts";

const colours: Record<ServiceView["state"], Colour> = {
  healthy: "good",
  degraded: "warn",
  failed: "bad",
  unknown: "warn",
};

/** One row a service and one an instance; what is wrong is said in words. */
export function showStatus(
  out: Output,
  {
    services,
    instances,
    pods = { kubernetes: "off", pods: [] },
    repositories = [],
    nowMs,
  }: {
    services: ServiceView[];
    instances: InstanceView[];
    pods?: PodsView | undefined;
    repositories?: RepositoryView[];
    nowMs: number;
  },
): void {
  // A wide terminal has room for what is looked at less often.
  const wide = out.columns >= wideMin;
  out.table(
    ["service", "state", ...(wide ? ["class", "posture"] : []), "active", "fit", "epoch", "notes"],
    services.map((one) => [
      one.service,
      { text: one.state, colour: colours[one.state] },
      ...(wide ? [one.class, one.posture] : []),
      one.active.length > namesMax ? `${one.active.length} instances` : one.active.join(" ") || "-",
      `${one.fit.length}/${one.instances}`,
      one.epoch,
      [...notesOf(one, nowMs), ...snapshotNotes(one, repositories)].join(", "),
    ]),
  );
  out.say("");
  out.table(
    [
      ...["instance", "role", "verdict", "goldens", "files"],
      ...(wide ? ["release", "p99", "load"] : []),
      ...["seen", "notes"],
    ],
    instances.map((one) => [
      middleOut(
        services.length > 1 ? `${one.service}/${one.instance}` : one.instance,
        wide ? nameMaxWide : nameMax,
      ),
      one.shadow ? "shadow" : one.role,
      verdictOf(one),
      goldensOf(one),
      one.report?.bytes ?? "-",
      ...(wide ? figuresOf(one) : []),
      one.ageMs === null ? "never" : spanText(one.ageMs),
      [...instanceNotes(one), ...podNotes(podOf(pods, one), one)].join(", "),
    ]),
  );
  showModels(out, instances, services.length > 1);
  showStrayPods(out, pods);
}

const wideMin = 100;
const namesMax = 3;
const nameMax = 13;
const nameMaxWide = 20;

/** Names of pods differ at their end, so the middle gives way. */
const middleOut = (name: string, room: number): string =>
  name.length <= room ? name : `${name.slice(0, room - 7)}…${name.slice(-6)}`;

/** The release that it serves, by the digits that people compare; how slow, and how much of what it can. */
function figuresOf({ report }: InstanceView): Cell[] {
  if (!report) return ["-", "-", "-"];
  const load =
    report.capacityPerSecond > 0
      ? `${Math.round((100 * report.requestsPerSecond) / report.capacityPerSecond)} %`
      : `${Math.round(report.requestsPerSecond)}/s`;
  const release = report.release?.replace("sha256:", "").slice(0, 8) ?? "-";
  return [release, report.p99Ms > 0 ? spanText(report.p99Ms) : "-", load];
}

/** One line a model, of instances on which they differ: where all are alike the instance says it for them. */
function showModels(out: Output, instances: InstanceView[], withService: boolean): void {
  const rows = instances.flatMap((one) => {
    const models = Object.entries(one.report?.models ?? {});
    const kinds = new Set(
      models.map(([, { verdict, diverted, fit }]) => `${verdict.kind} ${diverted} ${fit}`),
    );
    const instance = withService ? `${one.service}/${one.instance}` : one.instance;
    return kinds.size < 2 ? [] : models.map(([name, model]) => modelRow(instance, name, model));
  });
  if (rows.length === 0) return;
  out.say("");
  out.table(["instance", "model", "verdict", "goldens", "notes"], rows);
}

function modelRow(instance: string, name: string, model: ModelReport): Cell[] {
  const notes = [model.fit ? "fit" : "", model.diverted ? "diverted" : ""].filter((note) => note !== "");
  return [instance, name, verdictCell(model.verdict), goldensCell(model), notes.join(", ")];
}

function notesOf(one: ServiceView, nowMs: number): string[] {
  return [
    one.mode === "dry-run" ? "dry-run" : "",
    one.pausedUntilMs !== null && one.pausedUntilMs > nowMs
      ? `paused ${spanText(one.pausedUntilMs - nowMs)}`
      : "",
    one.promoting === null ? "" : `promoting ${one.promoting}`,
    one.incidents.length > 0 ? `${one.incidents.length} incident(s) open` : "",
    one.frozen.length > 0 ? "a release fails everywhere" : "",
    one.massSilence ? "mass silence" : "",
    one.observeOnly ? "only observing" : "",
    one.connected < one.instances ? `${one.connected}/${one.instances} connected` : "",
  ].filter((note) => note !== "");
}

/** Of a service with a repository: what a restore from there would lose, or that there is none. */
const snapshotNotes = ({ service }: ServiceView, repositories: RepositoryView[]): string[] =>
  repositories.flatMap(({ service: name, restorable, rpoAgeMs }) => {
    if (name !== service) return [];
    return restorable && rpoAgeMs !== null ? [`rpo ${spanText(rpoAgeMs)}`] : ["no restorable snapshot"];
  });

function instanceNotes({ silent, connected, contested, incident, report }: InstanceView): string[] {
  return [
    contested ? "two sidecars claim this identity" : "",
    silent ? "silent" : connected ? "" : "not connected",
    report?.fit ? "fit" : "",
    report?.diverted ? "diverted" : "",
    incident === null ? "" : incident,
  ].filter((note) => note !== "");
}

const verdictOf = ({ report }: InstanceView): Cell => (report ? verdictCell(report.verdict) : "-");
const goldensOf = ({ report }: InstanceView): Cell => (report ? goldensCell(report) : "-");

function verdictCell(verdict: Verdict): Cell {
  if (verdict.kind === "healthy") return { text: "healthy", colour: "good" };
  if (verdict.kind === "unknown") return { text: "unknown", colour: "warn" };
  return { text: `${verdict.kind} ${verdict.failure}`, colour: verdict.kind === "failed" ? "bad" : "warn" };
}

function goldensCell({ goldens, provenAgeMs }: Pick<ModelReport, "goldens" | "provenAgeMs">): Cell {
  if (goldens === "failed") return { text: "failed", colour: "bad" };
  return provenAgeMs === null ? goldens : `${goldens} ${spanText(provenAgeMs)} ago`;
}
